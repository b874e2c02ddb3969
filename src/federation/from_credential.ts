import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { isUnavailable } from "../core/unavailable.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenCredential } from "../token_credential.ts";
import { createSource } from "./create_source.ts";

/**
 * Returns a source of the tokens of another credential: a user-assigned managed identity as the federated credential of
 * an app, also for an app of several tenants. The managed identity and the app registration must be in one tenant.
 *
 * @param credential The credential, such as a `ManagedIdentityCredential` with a client id.
 * @param options See {@linkcode AssertionSourceOptions}; `audience` is the resource for which the token is requested.
 * @throws {TypeError} The credential or an option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential, ManagedIdentityCredential } from "@azweb/identity";
 * import { fromCredential } from "@azweb/identity/federation";
 *
 * const identity = new ManagedIdentityCredential({ clientId: "my-identity-client-id" });
 * const credential = new ClientAssertionCredential("other-tenant-id", "my-client-id", fromCredential(identity));
 * ```
 *
 * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
 */
export function fromCredential(credential: TokenCredential, options: AssertionSourceOptions = {}): AssertionSource {
  if (typeof Object(credential).getToken !== "function") {
    throw new TypeError('Argument "credential" must be a credential, with the method "getToken"');
  }
  const label = "the assertion of the credential";
  return createSource({
    name: "fromCredential",
    label,
    async get({ audience, signal }) {
      try {
        const token = await credential.getToken(`${audience}/.default`, { abortSignal: signal });
        return token?.token ?? "";
      } catch (error) {
        if (signal.aborted || isUnavailable(error)) throw error;
        throw new AuthenticationError(`Cannot get ${label}: It failed, see "cause"`, { cause: error });
      }
    },
  }, options);
}
