import { encodeBase64 } from "../core/encoding.ts";
import { seconds } from "../core/freshness.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { CommandOutput } from "../runtime/runtime.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import { explainTool } from "./explain_tool.ts";
import type { Workplace } from "./run_tool.ts";
import {
  claimsRefused,
  type DeveloperTool,
  objectsIn,
  otherFailure,
  resourceOf,
  told,
  type ToolRequest,
} from "./tool.ts";

const NAME = "Azure PowerShell";
const NO_MODULE = "azweb: no Az.Accounts";

/**
 * What it runs, on PowerShell 7 and Windows PowerShell 5.1. Nothing of a request is in it: that comes in variables. From 2.17 on
 * `Get-AzAccessToken` can give a token that no variable shows, from 5.0 on it gives no other.
 */
const SCRIPT = `
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

/** Returns what asks Azure PowerShell for tokens. */
export function createAzurePowerShellClient(place: Workplace): ToolClient {
  return createToolClient(azurePowerShell(), place);
}

/** Returns what is known of Azure PowerShell without running it. */
export async function explainAzurePowerShell(place: Workplace): Promise<Explanation> {
  return await explainTool(azurePowerShell(), place);
}

/**
 * Azure PowerShell, by its cmdlet `Get-AzAccessToken`.
 *
 * https://learn.microsoft.com/powershell/module/az.accounts/get-azaccesstoken
 */
function azurePowerShell(): DeveloperTool {
  return {
    name: NAME,
    programs: [{ name: "pwsh" }, { name: "powershell" }],
    variables: ["PATH"],
    installation: "https://learn.microsoft.com/powershell/azure/install-azure-powershell",
    proof: [],
    command(request) {
      const { tenantId, claims } = request;
      const resource = resourceOf(request, { name: NAME });
      if (claims !== undefined) {
        throw claimsRefused({ name: NAME }, loginWith(request, claims));
      }
      return {
        args: ["-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-EncodedCommand", encodeScript(SCRIPT)],
        // The tenant in any case: one that the process inherited is not meant.
        env: { AZWEB_IDENTITY_RESOURCE: resource, AZWEB_IDENTITY_TENANT: tenantId, POWERSHELL_UPDATECHECK: "Off" },
      };
    },
    read({ stdout }) {
      const { token, expiresOn } = objectIn(stdout, "token");
      const end = seconds(expiresOn);
      if (typeof token !== "string" || token === "" || end === undefined) return undefined;
      return { token, expiresOnTimestamp: end * 1000 };
    },
    explain(output, request) {
      const said = told(wordsOf(output));
      if (
        said.includes(NO_MODULE) || /Az\.Accounts/i.test(said) && /not (found|loaded)/i.test(said)
      ) {
        return {
          outcome: "absent",
          reason: "Its module Az.Accounts, version 2.2.0 or newer, is not installed",
          nextStep: 'Run "Install-Module Az.Accounts" in PowerShell',
        };
      }
      if (/AuthorizationManager check failed/i.test(said)) {
        return {
          outcome: "inconclusive",
          reason: "The execution policy of PowerShell keeps its module from running",
          nextStep: 'Run "Set-ExecutionPolicy -Scope CurrentUser RemoteSigned" in PowerShell',
        };
      }
      const nextStep = `Run ${loginWith(request)} in PowerShell`;
      if (
        /Run Connect-AzAccount to login|No accounts were found in the cache/i.test(said) && !said.includes("AADSTS")
      ) {
        return { outcome: "absent", reason: `No account is signed in: ${said}`, nextStep };
      }
      if (/AADSTS|cannot retrieve access token|Connect-AzAccount/i.test(said)) {
        return { outcome: "inconclusive", reason: said, nextStep };
      }
      return otherFailure(output, said, "Get-AzAccessToken");
    },
  };
}

/** Returns the command that signs in for a token like the one that was asked for. */
function loginWith({ tenantId }: ToolRequest, claims?: string): string {
  const challenge = claims === undefined ? "" : ` -ClaimsChallenge ${encodeBase64(claims)}`;
  return `"Connect-AzAccount${tenantId && ` -Tenant ${tenantId}`}${challenge}"`;
}

/** Encodes a script as PowerShell takes it, so that no shell can read it in another way: base64 of UTF-16, least byte first. */
function encodeScript(script: string): string {
  return btoa(Array.from(script, (character) => `${character}\0`).join(""));
}

/** Returns the first object with a member in what a program wrote, which a profile or a module may have added to. */
function objectIn(text: string, member: string): Record<string, unknown> {
  const innermost = text.split("{").slice(1).map((rest) => `{${rest.slice(0, rest.indexOf("}") + 1)}`);
  const candidates = [...text.split("\n"), ...innermost].filter((object) => object.includes(`"${member}"`));
  return objectsIn(candidates).find((object) => object[member] !== undefined) ?? {};
}

function wordsOf({ stdout, stderr }: CommandOutput): string {
  const { error } = objectIn(stdout, "error");
  return typeof error === "string" ? error : stderr;
}
