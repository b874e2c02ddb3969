import type { GetToken } from "../core/get_token.ts";
import { lazyGetToken } from "../core/lazy_get_token.ts";
import { notNegative, rereadVariables, type Settings } from "../core/settings.ts";
import { hasFederatedToken, type UserAssignedIdentity } from "../managed_identity/identity.ts";
import type { CredentialOptions } from "../options.ts";

const NAME = "ManagedIdentityCredential";

/**
 * Returns the `getToken` of a managed identity: of a workload identity if there is a federated token, else of the
 * machine.
 *
 * @param identityOf Returns the user-assigned identity; `undefined` for the system-assigned one. Called at the first
 * call of `getToken`, and again after a call that found no managed identity.
 */
export function chooseManagedIdentity(
  options: CredentialOptions & { readonly probeTimeoutInMs?: number | undefined },
  resolved: Settings,
  identityOf: () => UserAssignedIdentity | undefined,
): GetToken {
  const { retryOptions, timeoutInMs = 120_000 } = options;
  const settings = { ...resolved, maxRetries: retryOptions?.maxRetries ?? 5, timeoutInMs };
  const { probeTimeoutInMs, runtime = {} } = options;
  notNegative("probeTimeoutInMs", probeTimeoutInMs, 0);

  return lazyGetToken(async () => {
    const identity = identityOf();
    // Each is loaded at the first call, because most programs that try a managed identity use an earlier credential.
    if (hasFederatedToken(settings, identity)) {
      const { createWorkloadIdentity } = await import("../federation/workload_identity.ts");
      const workload = { ...options, clientId: identity?.id };
      const own = { ...rereadVariables(resolved), disableInstanceDiscovery: true };
      return createWorkloadIdentity(NAME, workload, own, "workload identity");
    }
    const { createManagedIdentity } = await import("../managed_identity/client.ts");
    return createManagedIdentity(NAME, { identity, probeTimeoutInMs, runtime, settings: rereadVariables(settings) });
  });
}
