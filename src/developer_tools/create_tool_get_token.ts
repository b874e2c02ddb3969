import { createGetToken, type GetToken } from "../core/create_get_token.ts";
import { notNegative, resolveSettings, type Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import { operatingSystem } from "../runtime/operating_system.ts";
import type { ToolClient } from "./create_tool_client.ts";
import type { Workplace } from "./run_tool.ts";

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
    const { account, acquire, proof } = client ??= await load(place);
    const found = await account?.() ?? "";
    if (!getToken || found !== known) {
      known = found;
      const spec = { name, tenantId: tenantId ?? "", proof: () => [...proof, found], acquire };
      getToken = createGetToken(spec, settings);
    }
    if (account) lookAgainOn = (lookedOn = settings.now()) + ACCOUNT_IN_MS;
    return getToken;
  }

  return (scopes, options) => {
    const now = settings.now();
    if (getToken && now >= lookedOn && now < lookAgainOn) return getToken(scopes, options);
    // On workerd no request may wait for another's promise.
    const found = settings.isolated ? look() : looking ??= look().finally(() => looking = undefined);
    return found.then((getToken) => getToken(scopes, options));
  };
}

/** Returns what a tool runs with. */
export function workplaceOf(options: DeveloperToolCredentialOptions, settings: Settings): Workplace {
  const { env, runtime = {} } = options;
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return {
    settings,
    runtime,
    platform: runtime.platform ?? operatingSystem(),
    variables: env && Object.fromEntries(Object.entries(env).filter(isText)),
    processTimeoutInMs: notNegative("processTimeoutInMs", options.processTimeoutInMs, 15_000),
  };
}
