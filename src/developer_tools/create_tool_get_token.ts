import type { GetToken, TokenRequest } from "../core/create_get_token.ts";
import { abortable, abortReason } from "../core/timeout.ts";
import { notNegative, type Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import { operatingSystem } from "../runtime/operating_system.ts";
import type { ToolClient } from "./create_tool_client.ts";
import type { Workplace } from "./run_tool.ts";

const PATIENCE_IN_MS = 1000;
/** Part of the cache key where the rest must not identify a user to other processes, which may share the cache. */
const THIS_PROCESS = {};
/** For how long the same user and the same variables are assumed. */
const LOOK_EVERY_IN_MS = 1000;

/**
 * Returns the `getToken` of a credential that asks a tool. The signed-in user and the variables that the tool would be started with are looked
 * up once a second, so that a change of either is noticed.
 */
export function createToolGetToken(
  name: string,
  { options, settings: resolved }: { readonly options: DeveloperToolCredentialOptions; readonly settings: Settings },
  load: (place: Workplace) => Promise<ToolClient>,
): GetToken {
  // Which cloud it is, the tool knows.
  const settings = { ...resolved, authorityHost: "" };
  const { tenantId } = options;
  if (tenantId) checkTenantId(tenantId);
  const place = workplaceOf(options, settings);
  let client: ToolClient | undefined;
  let getToken: GetToken | undefined;
  let known: string | undefined;
  let looking: Promise<GetToken> | undefined;
  let lookedOn = -Infinity;
  let lookAgainOn = -Infinity;

  async function look(): Promise<GetToken> {
    // Apart, because most programs that could ask a tool have found out who they are before.
    const { account, acquire, createGetToken, environment } = client ??= await load(place);
    const { proof, isPublic } = environment();
    const user = await account();
    const found = JSON.stringify([proof, user]);
    if (!getToken || found !== known) {
      known = found;
      const spec = {
        name,
        tenantId: tenantId ?? "",
        isDeveloperTool: true,
        cacheIdentity: () => isPublic && user !== "" ? [...proof, user] : [...proof, user, THIS_PROCESS],
        acquire: async (request: TokenRequest) => {
          const token = await acquire(request);
          // Another user may have signed in while the tool ran, or a variable changed. A user who may not be read is not looked up again.
          const now = JSON.stringify([environment().proof, user && await account()]);
          if (now !== found) request.skipCache();
          return token;
        },
      };
      // The tool's own limit comes first: that it took too long ends no chain.
      getToken = createGetToken(spec, { ...settings, timeoutInMs: place.limit.ms + PATIENCE_IN_MS });
    }
    lookAgainOn = (lookedOn = settings.now()) + LOOK_EVERY_IN_MS;
    return getToken;
  }

  return (scopes, options) => {
    const now = settings.now();
    if (getToken && now >= lookedOn && now < lookAgainOn) return getToken(scopes, options);
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    // On workerd no request may wait for another's promise.
    const found = settings.backgroundWork === "perRequest"
      ? look()
      : looking ??= look().finally(() => looking = undefined);
    return abortable(() => found, options?.abortSignal).then((getToken) => getToken(scopes, options));
  };
}

/** Returns what a tool runs with. */
export function workplaceOf(options: DeveloperToolCredentialOptions, settings: Settings): Workplace {
  const { env, runtime = {} } = options;
  // None of its own is one as long as any.
  const processTimeoutInMs = notNegative("processTimeoutInMs", options.processTimeoutInMs, 15_000) || Infinity;
  const timeoutInMs = options.timeoutInMs ?? (processTimeoutInMs === Infinity ? settings.timeoutInMs : Infinity);
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return {
    settings,
    runtime,
    platform: runtime.platform ?? operatingSystem(),
    get variables() {
      return env && Object.fromEntries(Object.entries(env).filter(isText));
    },
    limit: processTimeoutInMs <= timeoutInMs
      ? { ms: processTimeoutInMs, option: "processTimeoutInMs" }
      : { ms: timeoutInMs, option: "timeoutInMs" },
  };
}
