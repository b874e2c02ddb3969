/**
 * `UsernamePasswordCredential` authenticates a user with a username and a password. Microsoft has deprecated this
 * grant.
 *
 * @example
 * ```ts no-eval
 * import { UsernamePasswordCredential } from "@azweb/identity/username-password-credential";
 *
 * const credential = new UsernamePasswordCredential("my-tenant-id", "my-client-id", "jo@contoso.com", "a-password");
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional, checkText } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { noAuth } from "../entra/client_auth.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode UsernamePasswordCredential}. */
export type UsernamePasswordCredentialOptions = CredentialOptions;

/**
 * Authenticates a user with a username and a password (RFC 6749, section 4.3). Fails for users with multi-factor
 * authentication, which Microsoft is making mandatory.
 *
 * Only the instance that acquired a token finds it in the cache.
 *
 * @deprecated Microsoft is retiring the grant. Use a service principal for programs, and an interactive sign-in for
 * users.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc
 */
export class UsernamePasswordCredential implements TokenCredential {
  /**
   * Validates the arguments. Sends nothing.
   *
   * @param tenantId The tenant's id or domain name, or `"organizations"`.
   * @param clientId The client id of an app that is a public client.
   * @param username The user's name, such as `"jo@contoso.com"`.
   * @param password The user's password.
   * @param options See {@linkcode CredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    username: string,
    password: string,
    options: UsernamePasswordCredentialOptions = {},
  ) {
    checkPositional(tenantId, "UsernamePasswordCredential(tenantId, clientId, username, password, options)");
    checkTenantId(tenantId);
    checkClientId(clientId);
    checkText(username, "username");
    checkText(password, "password");
    const name = "UsernamePasswordCredential";
    const settings = resolveSettings(options, name);
    const parameters = { username, password };
    const acquire = createTokenClient({ name, clientId, clientAuth: noAuth(), type: "password", parameters }, settings);
    // Neither the password nor its digest: a password can be guessed, and a shared cache would confirm the guess.
    setInternals(this, createGetToken({ name, tenantId, cacheIdentity: () => [this], acquire }, settings));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes Scopes of the token, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} Microsoft Entra rejects the user or the app, requires more than a password, or cannot
   * be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
