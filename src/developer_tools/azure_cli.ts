import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import { explainTool } from "./explain_tool.ts";
import { readText, type Workplace } from "./run_tool.ts";
import {
  claimsRefused,
  type DeveloperTool,
  otherFailure,
  resourceOf,
  told,
  type ToolRequest,
  unavailable,
} from "./tool.ts";

const NAME = "Azure CLI";
const HALF_AN_HOUR = 1_800_000;

/** Returns what asks the Azure CLI for tokens. */
export function createAzureCliClient(place: Workplace, subscription: string | undefined): ToolClient {
  return createToolClient(azureCli(place, subscription), place);
}

/** Returns what is known of the Azure CLI without running it. */
export async function explainAzureCli(place: Workplace): Promise<Explanation> {
  const tool = azureCli(place, undefined);
  const found = await explainTool(tool, place);
  if (found.state === "absent") return found;
  const profile = tool.profile?.() ?? "";
  if (await fileFinder(place.runtime)?.(profile) === undefined) {
    return { state: "inconclusive", detail: `The profile with the signed-in account, "${profile}", may not be read` };
  }
  return await isSignedIn(place)
    ? { state: "configured", detail: `An account is signed in: "${profile}"` }
    : { state: "absent", detail: `No account is signed in ("${profile}"): Run "az login"` };
}

/** Whether somebody is signed in with the Azure CLI, as far as that may be looked up. Any of its commands leaves a profile. */
export async function isSignedIn({ platform, runtime, settings }: Workplace): Promise<boolean> {
  const folder = configurationFolder(settings.env, platform);
  const text = folder === undefined ? "" : await readText(runtime, profileIn(folder));
  const { subscriptions } = parseObject(text.replace(/^\uFEFF/, "")) ?? {};
  return Array.isArray(subscriptions) && subscriptions.length > 0;
}

/**
 * The Azure CLI, by its command `az account get-access-token`.
 *
 * https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
 */
function azureCli({ settings, platform }: Workplace, subscription: string | undefined): DeveloperTool {
  const { env, now } = settings;
  return {
    name: NAME,
    programs: [{ name: "az", mayBeBatch: true }],
    variables: ["PATH", "HOME", "AZURE_CONFIG_DIR"],
    installation: "https://learn.microsoft.com/cli/azure/install-azure-cli",
    proof: [subscription ?? ""],
    profile() {
      const folder = configurationFolder(env, platform);
      return folder && profileIn(folder);
    },
    command(request) {
      const { tenantId, claims } = request;
      const resource = resourceOf(request, { name: NAME });
      if (claims !== undefined) {
        throw claimsRefused({ name: NAME }, loginWith(request, claims));
      }
      const args = ["account", "get-access-token", "--output", "json", "--resource", resource];
      // It takes one of them; the answer tells the tenant.
      if (subscription !== undefined) args.push("--subscription", subscription);
      else if (tenantId !== "") args.push("--tenant", tenantId);
      return { args };
    },
    read({ stdout }, { tenantId }) {
      const { accessToken: token, expires_on, expiresOn, tenant } = parseObject(stdout) ?? {};
      const end = seconds(expires_on);
      const expiresOnTimestamp = end ? end * 1000 : readLocalTime(expiresOn, now());
      if (typeof token !== "string" || token === "" || expiresOnTimestamp === undefined) return undefined;
      if (
        subscription === undefined || tenantId === "" ||
        typeof tenant === "string" && tenantId.toLowerCase() === tenant.toLowerCase()
      ) {
        return { token, expiresOnTimestamp };
      }
      throw unavailable({ name: NAME }, {
        outcome: "not-for-this-call",
        reason: `The subscription "${subscription}" is in another tenant than "${tenantId}"`,
        nextStep: 'Give the id of its tenant as "tenantId", or leave out one of the two',
      });
    },
    explain(output, request) {
      // A warning is no reason.
      const lines = output.stderr.split("\n").filter((line) => !line.startsWith("WARNING: "));
      const said = told(lines.join("\n")) || told(output.stderr);
      const nextStep = `Run ${loginWith(request)}`;
      // Its words where no account is signed in. It also advises "az login" where one is, and something else fails.
      if (/please run ["']az login["']/i.test(said) && !said.includes("AADSTS")) {
        return { outcome: "absent", reason: `No account is signed in: ${said}`, nextStep };
      }
      if (/AADSTS|CLIInternalError|refresh token|az login|az account set/i.test(said)) {
        return { outcome: "inconclusive", reason: said, nextStep };
      }
      return otherFailure(output, said, "az account get-access-token");
    },
  };
}

/** Returns the folder where the Azure CLI keeps who is signed in. */
function configurationFolder(env: Settings["env"], platform: string | undefined): string | undefined {
  const home = env(platform === "win32" ? "USERPROFILE" : "HOME");
  return env("AZURE_CONFIG_DIR") || (home ? `${home}/.azure` : undefined);
}

function profileIn(folder: string): string {
  return `${folder}/azureProfile.json`;
}

/** Returns the command that signs in for a token like the one that was asked for. */
function loginWith({ scopes, tenantId }: ToolRequest, claims?: string): string {
  const challenge = claims === undefined ? "" : ` --claims-challenge "${encodeBase64(claims)}"`;
  return `"az login${tenantId && ` --tenant ${tenantId}`} --scope ${scopes[0]}${challenge}"`;
}

/**
 * Reads a local time without its zone, as the Azure CLI wrote it before version 2.54. An hour of the year comes twice: of the two, it is the
 * one that is not over, because it hands out no token that is.
 */
function readLocalTime(value: unknown, now: number): number | undefined {
  const text = typeof value === "string" ? bound(value) : "";
  const [, ...parts] = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)?$/.exec(text) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const first = new Date(year, month - 1, day, hour, minute, second).getTime();
  if (Number.isNaN(first)) return undefined;
  // Summer time is an hour, or half of one.
  const again = [HALF_AN_HOUR, 2 * HALF_AN_HOUR].map((ms) => new Date(first + ms)).find((date) =>
    date.getHours() === hour && date.getMinutes() === minute
  );
  return first > now || !again ? first : again.getTime();
}
