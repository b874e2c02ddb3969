
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
try {
  $module = Import-Module Az.Accounts -MinimumVersion 2.2.0 -PassThru
} catch {
  @{ error = "azweb: no Az.Accounts: $_" } | ConvertTo-Json -Compress
  exit 1
}
try {
  $parameters = @{ ResourceUrl = $env:AZWEB_IDENTITY_RESOURCE }
  if ($env:AZWEB_IDENTITY_TENANT) { $parameters.TenantId = $env:AZWEB_IDENTITY_TENANT }
  if ($module.Version -ge [version]'2.17.0' -and $module.Version -lt [version]'5.0.0') { $parameters.AsSecureString = $true }
  $answer = Get-AzAccessToken @parameters
  $token = $answer.Token
  if ($token -is [System.Security.SecureString]) {
    $token = (New-Object System.Net.NetworkCredential('', $token)).Password
  }
  @{ token = $token; expiresOn = $answer.ExpiresOn.ToUnixTimeSeconds() } | ConvertTo-Json -Compress
} catch {
  @{ error = "$_" } | ConvertTo-Json -Compress
  exit 1
}
