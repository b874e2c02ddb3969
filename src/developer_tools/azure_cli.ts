import { bound } from "../core/bound.ts";
import { encodeBase64 } from "../core/encoding.ts";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { createToolClient, type ToolClient } from "./create_tool_client.ts";
import { readText, type ToolContext } from "./run_tool.ts";
import {
  claimsRefused,
  type DeveloperTool,
  otherFailure,
  resourceOf,
  sanitizeOutput,
  tokenObjectIn,
  tokenOf,
  type ToolCommand,
  type ToolRequest,
  unavailable,
} from "./tool.ts";

const NAME = "Azure CLI";
const HALF_AN_HOUR = 1_800_000;

/** Returns the client of the Azure CLI. */
export function createAzureCliClient(context: ToolContext, subscription: string | undefined): ToolClient {
  return createToolClient(azureCli(context, subscription), context);
}

/** Whether an account is signed in to the Azure CLI; `false` if its profile may not be read. */
export async function isSignedIn(context: ToolContext): Promise<boolean> {
  const path = profilePath(context);
  return path !== undefined && hasAccount(await readText(context.runtime, path)) === true;
}

/**
 * Whether a profile has an account: a user, a service principal or a managed identity. Returns `undefined` if it is
 * malformed, which proves nothing.
 */
export function hasAccount(profile: string): boolean | undefined {
  // The Azure CLI writes a byte order mark.
  const object = parseObject(profile.replace(/^\uFEFF/, ""));
  if (!object) return undefined;
  const { subscriptions } = object;
  if (Array.isArray(subscriptions)) return subscriptions.length > 0;
  // Any command writes a profile, even without an account. One with other members is of an unknown format.
  const isEmpty = Object.entries(object).every(([name, value]) => name === "installationId" || value === null);
  return isEmpty ? false : undefined;
}

/** Returns the reason for a profile without an account. */
export function noAccount(path: string): string {
  return `No account is signed in ("${path}")`;
}

/**
 * The Azure CLI, by its command `az account get-access-token`.
 *
 * https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
 */
export function azureCli(context: ToolContext, subscription: string | undefined): DeveloperTool {
  const { now } = context.settings;
  return {
    name: NAME,
    programs: [{ name: "az", mayBeBatch: true }],
    variables: ["PATH", "HOME", "AZURE_CONFIG_DIR"],
    installation: "https://learn.microsoft.com/cli/azure/install-azure-cli",
    cacheIdentity: [subscription ?? ""],
    profile: () => profilePath(context),
    signedOut(profile, request) {
      if (hasAccount(profile) !== false) return undefined;
      const reason = noAccount(profilePath(context) ?? "");
      return { outcome: "absent", reason, nextStep: `Run ${loginWith(request)}` };
    },
    command(request) {
      const { tenantId, claims } = request;
      const resource = resourceOf(request, { name: NAME });
      if (claims !== undefined) {
        throw claimsRefused({ name: NAME }, loginWith(request, claims));
      }
      // The command accepts either a subscription or a tenant. Its output has the tenant of the subscription.
      if (subscription !== undefined) return getAccessToken(resource, ["--subscription", subscription], true);
      return getAccessToken(resource, tenantId === "" ? [] : ["--tenant", tenantId]);
    },
    commandAfter({ code, stderr }, request) {
      // Versions before 2.76 reject a tenant for a managed identity and in Azure Cloud Shell.
      if (code === 0 || !/Tenant shouldn['’]t be specified for/i.test(bound(stderr))) return undefined;
      return getAccessToken(resourceOf(request, { name: NAME }), [], true);
    },
    read({ stdout }, { tenantId }, { omitsTenant = false }) {
      const object = tokenObjectIn(stdout, "accessToken");
      const { expires_on, expiresOn, tenant } = object ?? {};
      const end = seconds(expires_on);
      const token = tokenOf(object, "accessToken", {
        members: '"expires_on" or "expiresOn"',
        timestamp: end ? end * 1000 : parseLocalTime(expiresOn, now()),
      });
      if (
        typeof token === "string" || !omitsTenant || tenantId === "" ||
        typeof tenant === "string" && tenantId.toLowerCase() === tenant.toLowerCase()
      ) {
        return token;
      }
      throw unavailable({ name: NAME }, {
        outcome: "not-for-this-call",
        ...subscription === undefined
          ? {
            reason: `A managed identity is signed in, whose tenant is not "${tenantId}"`,
            nextStep: "Give the id of its tenant, or sign in with an account of that tenant",
          }
          : {
            reason: `The subscription "${subscription}" is in another tenant than "${tenantId}"`,
            nextStep: 'Give the id of its tenant as "tenantId", or leave out one of the two',
          },
      });
    },
    explain(output, request, missing) {
      // A warning does not explain the failure.
      const lines = output.stderr.split("\n").filter((line) => !line.startsWith("WARNING: "));
      const detail = sanitizeOutput(lines.join("\n").trim() || output.stderr);
      const nextStep = `Run ${loginWith(request)}`;
      // This message means that no account is signed in. Messages for a signed-in account may contain "az login" too.
      if (/please run ["']az login["']/i.test(detail) && !detail.includes("AADSTS")) {
        return { outcome: "absent", reason: `No account is signed in: ${detail}`, nextStep };
      }
      if (/access token for non-current tenants/i.test(detail)) {
        const nextStep = "Leave out the tenant, or sign in with an account of that tenant";
        return { outcome: "not-for-this-call", reason: detail, nextStep };
      }
      if (/AADSTS|CLIInternalError|refresh token|az login|az account set/i.test(detail)) {
        return { outcome: "inconclusive", reason: detail, nextStep };
      }
      return otherFailure(output, detail || missing, "az account get-access-token");
    },
  };
}

/**
 * Returns the path of the profile of the Azure CLI, which has the signed-in account; `undefined` if it is not known.
 */
export function profilePath({ settings: { env }, platform }: ToolContext): string | undefined {
  const home = env(platform === "win32" ? "USERPROFILE" : "HOME");
  const folder = env("AZURE_CONFIG_DIR") || (home ? `${home}/.azure` : undefined);
  // The Azure CLI runs in another folder, where a relative path leads elsewhere.
  const isAbsolute = platform === "win32" ? /^(?:[a-z]:[\\/]|\\\\)/i : /^\//;
  return folder !== undefined && isAbsolute.test(folder) ? `${folder}/azureProfile.json` : undefined;
}

/** Returns the command, without colours and warnings, which could be taken for parts of the output. */
function getAccessToken(resource: string, args: readonly string[], omitsTenant = false): ToolCommand {
  return {
    args: ["account", "get-access-token", "--output", "json", "--only-show-errors", "--resource", resource, ...args],
    env: { AZURE_CORE_NO_COLOR: "true" },
    omitsTenant,
  };
}

/** Returns the command that signs in for the requested token. */
function loginWith({ scopes, tenantId }: ToolRequest, claims?: string): string {
  const challenge = claims === undefined ? "" : ` --claims-challenge "${encodeBase64(claims)}"`;
  return `"az login${tenantId && ` --tenant ${tenantId}`} --scope ${scopes[0]}${challenge}"`;
}

/**
 * Parses a local time without time zone, as the Azure CLI wrote it before version 2.54. At the end of daylight saving
 * time, an hour occurs twice: of the two possible times, returns the one that is not in the past, because the Azure CLI
 * returns no expired token.
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
