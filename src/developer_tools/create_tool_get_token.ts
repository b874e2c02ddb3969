import type { GetToken, TokenRequest } from "../core/get_token.ts";
import { abortable, abortReason } from "../core/timeout.ts";
import { notNegative, type Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import { operatingSystem } from "../runtime/operating_system.ts";
import type { ToolClient } from "./create_tool_client.ts";
import type { ToolContext } from "./run_tool.ts";

/** Added to the time limit of the tool, so that the tool's own error comes first. */
const GRACE_IN_MS = 1000;
/**
 * Cache identity of an unknown account: unique to this process, so that other processes do not find its tokens in a
 * shared cache.
 */
const THIS_PROCESS = {};
/** Time for which the account and the variables are assumed not to change, in milliseconds. */
const CHECK_INTERVAL_IN_MS = 1000;

/**
 * Returns the `getToken` of a credential that runs a tool. The account and the environment of the tool are read once a
 * second, so that a change of either is noticed.
 */
export function createToolGetToken(
  name: string,
  { options, settings: resolved }: { readonly options: DeveloperToolCredentialOptions; readonly settings: Settings },
  load: (context: ToolContext) => Promise<ToolClient>,
): GetToken {
  // The tool determines the cloud.
  const settings = { ...resolved, authorityHost: "" };
  const { tenantId } = options;
  if (tenantId) checkTenantId(tenantId);
  const context = toolContext(options, settings);
  let client: ToolClient | undefined;
  let getToken: GetToken | undefined;
  let known: string | undefined;
  let checking: Promise<GetToken> | undefined;
  let checkedOn = -Infinity;
  let checkAgainOn = -Infinity;

  async function checkAccount(): Promise<GetToken> {
    // Loaded late, because most chains elect a credential that precedes the tools.
    const { account, acquire, createGetToken, environment } = client ??= await load(context);
    const { cacheIdentity, isPublic } = environment();
    const profile = await account();
    const identity = JSON.stringify([cacheIdentity, profile]);
    if (!getToken || identity !== known) {
      known = identity;
      const spec = {
        name,
        tenantId: tenantId ?? "",
        isDeveloperTool: true,
        cacheIdentity: () =>
          isPublic && profile !== "" ? [...cacheIdentity, profile] : [...cacheIdentity, profile, THIS_PROCESS],
        acquire: async (request: TokenRequest) => {
          const token = await acquire(request);
          // The account or a variable may have changed while the tool ran. A profile that may not be read is not read
          // again.
          const now = JSON.stringify([environment().cacheIdentity, profile && await account()]);
          if (now !== identity) request.skipCache();
          return token;
        },
      };
      // The time limit of the tool comes first, because its error does not end a chain.
      getToken = createGetToken(spec, { ...settings, timeoutInMs: context.limit.ms + GRACE_IN_MS });
    }
    checkAgainOn = (checkedOn = settings.now()) + CHECK_INTERVAL_IN_MS;
    return getToken;
  }

  return (scopes, options) => {
    const now = settings.now();
    if (getToken && now >= checkedOn && now < checkAgainOn) return getToken(scopes, options);
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    // On workerd a request must not await a promise of another request.
    const ready = settings.backgroundWork === "perRequest"
      ? checkAccount()
      : checking ??= checkAccount().finally(() => checking = undefined);
    return abortable(() => ready, options?.abortSignal).then((getToken) => getToken(scopes, options));
  };
}

/** Returns the context that a tool runs in. */
export function toolContext(options: DeveloperToolCredentialOptions, settings: Settings): ToolContext {
  const { env, runtime = {} } = options;
  // 0 is no time limit.
  const processTimeoutInMs = notNegative("processTimeoutInMs", options.processTimeoutInMs, 15_000) || Infinity;
  const timeoutInMs = options.timeoutInMs ?? (processTimeoutInMs === Infinity ? settings.timeoutInMs : Infinity);
  const isString = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return {
    settings,
    runtime,
    platform: runtime.platform ?? operatingSystem(),
    get variables() {
      return env && Object.fromEntries(Object.entries(env).filter(isString));
    },
    limit: processTimeoutInMs <= timeoutInMs
      ? { ms: processTimeoutInMs, option: "processTimeoutInMs" }
      : { ms: timeoutInMs, option: "timeoutInMs" },
  };
}
