/**
 * `ClientAssertionCredential` authenticates an application with a client assertion that a callback returns.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity/client-assertion-credential";
 *
 * declare function getAssertion(): Promise<string>;
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { assertionAuth } from "../entra/client_auth.ts";
import { claimsOf } from "../entra/claims.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { AssertionRequest } from "../assertion_source.ts";
import type { AppCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type { AssertionRequest } from "../assertion_source.ts";

/** Options of {@linkcode ClientAssertionCredential}. */
export type ClientAssertionCredentialOptions = AppCredentialOptions;

/**
 * Authenticates an application with a client assertion (RFC 7523) that a callback returns: the token of an identity
 * provider that the app trusts (workload identity federation), or the result of a signing service.
 *
 * @example In GitHub Actions
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromGitHubActions } from "@azweb/identity/federation";
 *
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", fromGitHubActions());
 * ```
 *
 * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation
 */
export class ClientAssertionCredential implements TokenCredential {
  /**
   * Validates the arguments. Sends nothing.
   *
   * @param tenantId The tenant's id or domain name.
   * @param clientId The app's client id.
   * @param getAssertion Returns the assertion, a JWT. Called once for each token request. The functions of
   * `@azweb/identity/federation` return one for each platform.
   * @param options See {@linkcode AppCredentialOptions}. Credentials share tokens only if they have the same function.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    getAssertion: (request: AssertionRequest) => Promise<string>,
    options: ClientAssertionCredentialOptions = {},
  ) {
    checkPositional(tenantId, "ClientAssertionCredential(tenantId, clientId, getAssertion, options)");
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    if (typeof getAssertion !== "function") throw new TypeError('Argument "getAssertion" must be a function');
    const name = "ClientAssertionCredential";
    const settings = resolveSettings(options, name, "claimsFromClient");
    const clientAuth = assertionAuth(getAssertion);
    const claims = claimsOf(options);
    const acquire = createTokenClient({ name, clientId, clientAuth, type: "client_credentials", claims }, settings);
    const getToken = createGetToken({
      name,
      tenantId,
      variables: APP_VARIABLES,
      cacheIdentity: () => [clientId, getAssertion, ...claims ? [claims] : []],
      acquire,
    }, settings);
    setInternals(this, getToken);
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} The callback fails, or Microsoft Entra rejects the assertion or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
