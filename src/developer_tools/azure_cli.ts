import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import { explainTool } from "./explain_tool.ts";
import { readText, type ToolContext } from "./run_tool.ts";
import {
  claimsRefused,
  type DeveloperTool,
  otherFailure,
  resourceOf,
  sanitizeOutput,
  type ToolRequest,
  unavailable,
} from "./tool.ts";

const NAME = "Azure CLI";
const HALF_AN_HOUR = 1_800_000;

/** Returns the client of the Azure CLI. */
export function createAzureCliClient(context: ToolContext, subscription: string | undefined): ToolClient {
  return createToolClient(azureCli(context, subscription), context);
}

/** Explains whether the Azure CLI can return a token, without running it. */
export async function explainAzureCli(context: ToolContext): Promise<Explanation> {
  const tool = azureCli(context, undefined);
  const found = await explainTool(tool, context);
  if (found.state === "absent") return found;
  const profile = tool.profile?.() ?? "";
  if (await fileFinder(context.runtime)?.(profile) === undefined) {
    return { state: "inconclusive", detail: `The profile with the signed-in account, "${profile}", may not be read` };
  }
  return await isSignedIn(context)
    ? { state: "configured", detail: `An account is signed in: "${profile}"` }
    : { state: "absent", detail: `No account is signed in ("${profile}"): Run "az login"` };
}

/**
 * Whether an account is signed in to the Azure CLI; `false` if its profile may not be read. Any command writes a
 * profile, even without an account.
 */
export async function isSignedIn({ platform, runtime, settings }: ToolContext): Promise<boolean> {
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
function azureCli({ settings, platform }: ToolContext, subscription: string | undefined): DeveloperTool {
  const { env, now } = settings;
  return {
    name: NAME,
    programs: [{ name: "az", mayBeBatch: true }],
    variables: ["PATH", "HOME", "AZURE_CONFIG_DIR"],
    installation: "https://learn.microsoft.com/cli/azure/install-azure-cli",
    cacheIdentity: [subscription ?? ""],
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
      // The command accepts one of the two. Its output has the tenant of the subscription.
      if (subscription !== undefined) args.push("--subscription", subscription);
      else if (tenantId !== "") args.push("--tenant", tenantId);
      return { args };
    },
    read({ stdout }, { tenantId }) {
      const { accessToken: token, expires_on, expiresOn, tenant } = parseObject(stdout) ?? {};
      const end = seconds(expires_on);
      const expiresOnTimestamp = end ? end * 1000 : parseLocalTime(expiresOn, now());
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
      // A warning does not explain the failure.
      const lines = output.stderr.split("\n").filter((line) => !line.startsWith("WARNING: "));
      const detail = sanitizeOutput(lines.join("\n")) || sanitizeOutput(output.stderr);
      const nextStep = `Run ${loginWith(request)}`;
      // This message means that no account is signed in. Messages for a signed-in account may contain "az login" too.
      if (/please run ["']az login["']/i.test(detail) && !detail.includes("AADSTS")) {
        return { outcome: "absent", reason: `No account is signed in: ${detail}`, nextStep };
      }
      if (/AADSTS|CLIInternalError|refresh token|az login|az account set/i.test(detail)) {
        return { outcome: "inconclusive", reason: detail, nextStep };
      }
      return otherFailure(output, detail, "az account get-access-token");
    },
  };
}

/** Returns the configuration folder of the Azure CLI, which has its profile. */
function configurationFolder(env: Settings["env"], platform: string | undefined): string | undefined {
  const home = env(platform === "win32" ? "USERPROFILE" : "HOME");
  return env("AZURE_CONFIG_DIR") || (home ? `${home}/.azure` : undefined);
}

function profileIn(folder: string): string {
  return `${folder}/azureProfile.json`;
}

/** Returns the command that signs in for the requested token. */
function loginWith({ scopes, tenantId }: ToolRequest, claims?: string): string {
  const challenge = claims === undefined ? "" : ` --claims-challenge "${encodeBase64(claims)}"`;
  return `"az login${tenantId && ` --tenant ${tenantId}`} --scope ${scopes[0]}${challenge}"`;
}

/**
 * Parses a local time without time zone, as the Azure CLI wrote it before version 2.54. A time in the hour that occurs
 * twice at the end of daylight saving time is the one that is not in the past, because the Azure CLI returns no expired
 * token.
 */
function parseLocalTime(value: unknown, now: number): number | undefined {
  const time = typeof value === "string" ? bound(value) : "";
  const [, ...parts] = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)?$/.exec(time) ?? [];
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
  // Daylight saving time is an hour, or half an hour.
  const again = [HALF_AN_HOUR, 2 * HALF_AN_HOUR].map((ms) => new Date(first + ms)).find((date) =>
    date.getHours() === hour && date.getMinutes() === minute
  );
  return first > now || !again ? first : again.getTime();
}
