import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { CredentialOptions } from "../options.ts";
import { flagFor } from "../runtime/permission.ts";
import { hasNetPermission } from "../runtime/query_permission.ts";
import { nameWithOrigin, withLocalFetch } from "./client.ts";
import type { UserAssignedIdentity } from "./identity.ts";
import { findSource } from "./sources.ts";

/**
 * Explains whether the machine has the identity, without a request. Throws the error of `getToken` if the machine
 * cannot have it.
 */
export async function explainSource(
  options: CredentialOptions & { readonly probeTimeoutInMs?: number | undefined },
  identity: UserAssignedIdentity | undefined,
  settings: Settings,
): Promise<Explanation> {
  const { probeTimeoutInMs, runtime = {} } = options;
  const context = { identity, probeTimeoutInMs, runtime, settings: withLocalFetch(settings) };
  const { name, endpoint, probe, identity: requested = identity } = await findSource(context);
  const isOwnFetch = !options.localFetch && !runtime.tlsFetch;
  if (isOwnFetch && !hasNetPermission(endpoint)) {
    const { host } = new URL(endpoint);
    // Without variables, only a probe finds the instance metadata service.
    return { state: probe ? "absent" : "fails", detail: `"${host}" cannot be reached: Run ${flagFor({ net: host })}` };
  }
  const what = `for the ${nameWithOrigin(requested)}`;
  return probe
    ? { state: "inconclusive", detail: `No variable names a source: ${name} is probed for at 169.254.169.254, ${what}` }
    : { state: "configured", detail: `The source is ${name}, ${what}` };
}
