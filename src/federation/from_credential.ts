import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { reasonOf } from "../core/reason.ts";
import { isUnavailable } from "../core/unavailable.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenCredential } from "../token_credential.ts";
import { createSource } from "./create_source.ts";

/**
 * Returns a source whose assertions are the tokens of another credential: of a user-assigned managed identity that an
 * app trusts by a federated credential. The app may be in several tenants; its registration must be in that of the
 * managed identity.
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
        throw new AuthenticationError(`Cannot get ${label}: It failed: ${reasonOf(error)}`, { cause: error });
      }
    },
  }, options);
}
