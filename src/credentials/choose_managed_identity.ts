import type { GetToken } from "../core/create_get_token.ts";
import { notNegative, type Settings } from "../core/settings.ts";
import { hasFederatedToken, type UserAssignedIdentity } from "../managed_identity/identity.ts";
import type { CredentialOptions } from "../options.ts";

const NAME = "ManagedIdentityCredential";

/**
 * Returns the `getToken` of a managed identity: a workload's where a federated token is mounted, else the machine's.
 *
 * @param identityOf Returns the user-assigned identity; `undefined` for the machine's own. Called until there is a token.
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
  let machine: { readonly id: string | undefined; readonly getToken: GetToken } | undefined;
  let chosen: GetToken | undefined;

  /** Loaded at the first call, because most programs that try a managed identity use an earlier credential. */
  async function loadMachine(identity: UserAssignedIdentity | undefined): Promise<GetToken> {
    const { createManagedIdentity } = await import("../managed_identity/client.ts");
    if (!machine || machine.id !== identity?.id) {
      const getToken = createManagedIdentity(NAME, { identity, probeTimeoutInMs, runtime, settings });
      machine = { id: identity?.id, getToken };
    }
    return machine.getToken;
  }

  async function loadWorkload(identity: UserAssignedIdentity | undefined): Promise<GetToken> {
    const { createWorkloadIdentity } = await import("../oauth/workload_identity.ts");
    const workload = { ...options, clientId: identity?.id };
    return createWorkloadIdentity(NAME, workload, { ...resolved, disableInstanceDiscovery: true });
  }

  async function choose(...[scopes, options]: Parameters<GetToken>): ReturnType<GetToken> {
    const identity = identityOf();
    const choice = await (hasFederatedToken(settings, identity) ? loadWorkload(identity) : loadMachine(identity));
    const token = await choice(scopes, options);
    // Until there is a token, the environment may still be completed. Then the choice stays: one program, one identity.
    chosen ??= choice;
    return token;
  }

  return (scopes, options) => chosen ? chosen(scopes, options) : choose(scopes, options);
}
