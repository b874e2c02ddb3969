import type { GetToken, TokenRequest } from "../core/create_get_token.ts";
import { abortReason, withDeadline } from "../core/deadline.ts";
import { notNegative, resolveSettings, type Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import { operatingSystem } from "../runtime/operating_system.ts";
import type { ToolClient } from "./create_tool_client.ts";
import type { Workplace } from "./run_tool.ts";

const PATIENCE_IN_MS = 1000;
/** Whoever is signed in where nobody may know: one in this process, and nobody for another, which may find the same cache. */
const UNKNOWN = {};
/** For how long it is believed that the same person is signed in. */
const ACCOUNT_IN_MS = 1000;

/** Returns the `getToken` of a credential that asks a tool. Who is signed in is looked up once a second, so that somebody else is noticed. */
export function createToolGetToken(
  name: string,
  options: DeveloperToolCredentialOptions,
  load: (place: Workplace) => Promise<ToolClient>,
): GetToken {
  // Which cloud it is, the tool knows.
  const settings = { ...resolveSettings(options), authorityHost: "" };
  const { tenantId } = options;
  if (tenantId) checkTenantId(tenantId);
  const place = workplaceOf(options, settings);
  let client: ToolClient | undefined;
  let getToken: GetToken | undefined;
  let known: string | undefined;
  let looking: Promise<GetToken> | undefined;
  let lookedOn = -Infinity;
  let lookAgainOn = Infinity;

  async function look(): Promise<GetToken> {
    // Apart, because most programs that could ask a tool have found out who they are before.
    const { account, acquire, createGetToken, proof } = client ??= await load(place);
    const found = await account?.() ?? "";
    if (!getToken || found !== known) {
      known = found;
      const spec = {
        name,
        tenantId: tenantId ?? "",
        isDeveloperTool: true,
        proof: () => [...proof, found || UNKNOWN],
        acquire: async (request: TokenRequest) => {
          const token = await acquire(request);
          // Somebody else may have signed in meanwhile, whose token it is then. Where nobody may know, it takes no second look.
          if (found && await account?.() !== found) request.forget();
          return token;
        },
      };
      // The tool's own limit comes first: that it took too long ends no chain.
      getToken = createGetToken(spec, { ...settings, timeoutInMs: place.limit.ms + PATIENCE_IN_MS });
    }
    if (account) lookAgainOn = (lookedOn = settings.now()) + ACCOUNT_IN_MS;
    return getToken;
  }

  return (scopes, options) => {
    const now = settings.now();
    if (getToken && now >= lookedOn && now < lookAgainOn) return getToken(scopes, options);
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    // On workerd no request may wait for another's promise.
    const found = settings.isolated ? look() : looking ??= look().finally(() => looking = undefined);
    const outer = options?.abortSignal;
    const { sleep } = settings;
    const waited = outer ? withDeadline(() => found, { sleep, ms: undefined, late: Error, outer }) : found;
    return waited.then((getToken) => getToken(scopes, options));
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
    variables: env && Object.fromEntries(Object.entries(env).filter(isText)),
    limit: processTimeoutInMs <= timeoutInMs
      ? { ms: processTimeoutInMs, option: "processTimeoutInMs" }
      : { ms: timeoutInMs, option: "timeoutInMs" },
  };
}
