import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { seconds } from "../core/freshness.ts";
import type { CommandOutput } from "../runtime/runtime.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import type { ToolContext } from "./run_tool.ts";
import {
  claimsRefused,
  type DeveloperTool,
  objectIn,
  otherFailure,
  resourceOf,
  sanitizeOutput,
  tokenObjectIn,
  tokenOf,
  type ToolRequest,
  withoutEscapes,
} from "./tool.ts";

const NAME = "Azure PowerShell";
const NO_MODULE = "azweb: no Az.Accounts";
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

/**
 * Returns the script, for PowerShell 7 and Windows PowerShell 5.1. It gets the parameters of a request as environment
 * variables, so that nothing of a request is part of the script. `Get-AzAccessToken` can return a secure string from
 * version 2.17 on, and always returns one from 5.0 on.
 *
 * Not a constant: bundlers do not leave out an unused template literal.
 */
function script(): string {
  return `
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
try {
  $module = Import-Module Az.Accounts -MinimumVersion 2.2.0 -PassThru
} catch {
  @{ error = "${NO_MODULE}: $_" } | ConvertTo-Json -Compress
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
`;
}

/** Returns the client of Azure PowerShell. */
export function createAzurePowerShellClient(context: ToolContext): ToolClient {
  return createToolClient(azurePowerShell(), context);
}

/**
 * Azure PowerShell, by its cmdlet `Get-AzAccessToken`.
 *
 * https://learn.microsoft.com/powershell/module/az.accounts/get-azaccesstoken
 */
export function azurePowerShell(): DeveloperTool {
  return {
    name: NAME,
    programs: [{ name: "pwsh" }, { name: "powershell" }],
    variables: ["PATH"],
    installation: "https://learn.microsoft.com/powershell/azure/install-azure-powershell",
    cacheIdentity: [],
    command(request) {
      const { tenantId, claims } = request;
      const resource = resourceOf(request, { name: NAME });
      if (claims !== undefined) {
        throw claimsRefused({ name: NAME }, loginWith(request, claims));
      }
      return {
        args: ["-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-EncodedCommand", encodeScript(script())],
        // The tenant is set in any case, because the process may have inherited the variable.
        env: { AZWEB_IDENTITY_RESOURCE: resource, AZWEB_IDENTITY_TENANT: tenantId, POWERSHELL_UPDATECHECK: "Off" },
      };
    },
    read({ stdout }) {
      const object = tokenObjectIn(stdout, "token");
      const end = seconds(object?.expiresOn);
      return tokenOf(object, "token", { members: '"expiresOn"', timestamp: end && end * 1000 });
    },
    explain(output, request, missing) {
      const detail = sanitizeOutput(messageIn(output));
      if (
        detail.includes(NO_MODULE) ||
        /Az\.Accounts/i.test(detail) && /not (found|loaded)/i.test(detail) && !detail.includes("AADSTS")
      ) {
        return {
          outcome: "absent",
          reason: "Its module Az.Accounts, version 2.2.0 or newer, is not installed",
          nextStep: 'Run "Install-Module Az.Accounts" in PowerShell',
        };
      }
      if (/AuthorizationManager check failed/i.test(detail)) {
        return {
          outcome: "inconclusive",
          reason: "The execution policy of PowerShell does not let its module run",
          nextStep: 'Run "Set-ExecutionPolicy -Scope CurrentUser RemoteSigned" in PowerShell',
        };
      }
      const nextStep = `Run ${loginWith(request)} in PowerShell`;
      if (
        /Run Connect-AzAccount to login|No accounts were found in the cache/i.test(detail) &&
        !detail.includes("AADSTS")
      ) {
        return { outcome: "absent", reason: `No account is signed in: ${detail}`, nextStep };
      }
      if (/AADSTS|cannot retrieve access token|Connect-AzAccount/i.test(detail)) {
        return { outcome: "inconclusive", reason: detail, nextStep };
      }
      return otherFailure(output, detail || missing, "Get-AzAccessToken");
    },
  };
}

/** Returns the command that signs in for the requested token. */
function loginWith({ tenantId }: ToolRequest, claims?: string): string {
  const challenge = claims === undefined ? "" : ` -ClaimsChallenge ${encodeBase64(claims)}`;
  return `"Connect-AzAccount${tenantId && ` -Tenant ${tenantId}`}${challenge}"`;
}

/** Encodes a script as `-EncodedCommand` expects it, in base64 of UTF-16LE, so that no shell interprets it. */
function encodeScript(text: string): string {
  return btoa(Array.from(text, (character) => `${character}\0`).join(""));
}

function messageIn({ stdout, stderr }: CommandOutput): string {
  const error = objectIn(stdout, "error")?.error;
  return typeof error === "string" ? error : withoutEscapes(plainText(stderr));
}

/** Returns the errors, else the other strings, in CLIXML, which PowerShell may write for another PowerShell to read. */
function plainText(stderr: string): string {
  if (!stderr.includes("#< CLIXML")) return stderr;
  const strings = stderr.split('<S S="').slice(1).map((element) => element.split("</S>", 1)[0]!.split('">', 2));
  const errors = strings.filter(([stream]) => stream === "Error");
  return (errors.length > 0 ? errors : strings).map(([, text = ""]) => decodeString(bound(text))).join("");
}

/** Decodes the escapes of a string in CLIXML (MS-PSRP, section 2.2.5.3.2) and of XML. */
function decodeString(text: string): string {
  return text.replace(/_x([\da-f]{4})_/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => ENTITIES[name]!);
}
