/**
 * `ClientSecretCredential` authenticates an application with a client secret.
 *
 * @example
 * ```ts no-eval
 * import { ClientSecretCredential } from "@azweb/identity/client-secret-credential";
 *
 * const credential = new ClientSecretCredential("my-tenant-id", "my-client-id", "my-secret");
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional, checkText } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { secretAuth } from "../entra/client_auth.ts";
import { claimsOf } from "../entra/claims.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { AppCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode ClientSecretCredential}. */
export type ClientSecretCredentialOptions = AppCredentialOptions;

/**
 * Authenticates an application with a client secret.
 *
 * @example
 * ```ts no-eval
 * import { ClientSecretCredential } from "@azweb/identity";
 *
 * const credential = new ClientSecretCredential("my-tenant.onmicrosoft.com", "my-client-id", "my-secret");
 * const { token } = await credential.getToken("https://graph.microsoft.com/.default");
 * ```
 *
 * @see
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#first-case-access-token-request-with-a-shared-secret
 */
export class ClientSecretCredential implements TokenCredential {
  /**
   * Validates the arguments. Sends nothing.
   *
   * @param tenantId The tenant's id or domain name.
   * @param clientId The app's client id.
   * @param clientSecret The value of a client secret of the app.
   * @param options See {@linkcode AppCredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(tenantId: string, clientId: string, clientSecret: string, options: ClientSecretCredentialOptions = {}) {
    checkPositional(tenantId, "ClientSecretCredential(tenantId, clientId, clientSecret, options)");
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    checkText(clientSecret, "clientSecret");
    const name = "ClientSecretCredential";
    const settings = resolveSettings(options, name, "claimsFromClient");
    const clientAuth = secretAuth(clientSecret);
    const claims = claimsOf(options);
    const acquire = createTokenClient({ name, clientId, clientAuth, type: "client_credentials", claims }, settings);
    const getToken = createGetToken({
      name,
      tenantId,
      variables: APP_VARIABLES,
      cacheIdentity: () => [clientId, clientSecret, ...claims ? [claims] : []],
      acquire,
    }, settings);
    setInternals(this, getToken);
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} Microsoft Entra rejects the secret or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
