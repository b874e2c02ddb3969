/**
 * `AuthorizationCodeCredential` redeems an authorization code that a web app has received for a user.
 *
 * @example
 * ```ts no-eval
 * import { AuthorizationCodeCredential } from "@azweb/identity/authorization-code-credential";
 *
 * declare const code: string;
 * const redirectUri = "https://my.app/signed-in";
 * const credential = new AuthorizationCodeCredential("my-tenant-id", "my-client-id", "my-secret", code, redirectUri);
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional, checkText } from "../core/validate.ts";
import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { parseUrl } from "../core/url.ts";
import { noAuth, secretAuth } from "../entra/client_auth.ts";
import { createUserSession, signInRequired } from "../sign_in/session.ts";
import { redeemCode } from "../sign_in/tokens.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AuthorizationCodeCredential}. */
export interface AuthorizationCodeCredentialOptions extends CredentialOptions {
  /** PKCE code verifier (RFC 7636), if the authorization request had a code challenge. */
  codeVerifier?: string | undefined;
}

/**
 * Authenticates a user with an authorization code that the application has received. A code can be redeemed once; later
 * tokens are acquired silently for the lifetime of the instance. The ID token is validated without a nonce, which only
 * the application knows.
 *
 * @example
 * ```ts no-eval
 * import { AuthorizationCodeCredential } from "@azweb/identity";
 *
 * declare const code: string;
 * const redirectUri = "https://my.app/signed-in";
 * const credential = new AuthorizationCodeCredential("my-tenant-id", "my-client-id", "my-secret", code, redirectUri);
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export class AuthorizationCodeCredential implements TokenCredential {
  /**
   * For a confidential client. Validates the arguments and sends nothing.
   *
   * @param tenantId The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`.
   * @param clientId The app's client id.
   * @param clientSecret The value of a client secret of the app.
   * @param authorizationCode The authorization code.
   * @param redirectUri The redirect URI of the authorization request.
   * @param options See {@linkcode AuthorizationCodeCredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    clientSecret: string,
    authorizationCode: string,
    redirectUri: string,
    options?: AuthorizationCodeCredentialOptions,
  );
  /**
   * For a public client. Validates the arguments and sends nothing.
   *
   * @param tenantId The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`.
   * @param clientId The app's client id.
   * @param authorizationCode The authorization code.
   * @param redirectUri The redirect URI of the authorization request.
   * @param options See {@linkcode AuthorizationCodeCredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    authorizationCode: string,
    redirectUri: string,
    options?: AuthorizationCodeCredentialOptions,
  );
  constructor(
    tenantId: string,
    clientId: string,
    ...rest: (string | AuthorizationCodeCredentialOptions | undefined)[]
  ) {
    checkPositional(
      tenantId,
      "AuthorizationCodeCredential(tenantId, clientId, clientSecret, authorizationCode, redirectUri, options)",
    );
    checkTenantId(tenantId);
    checkClientId(clientId);
    const hasSecret = typeof rest[2] === "string";
    const [clientSecret, code, redirectUri, options = {}] = (hasSecret ? rest : [undefined, ...rest]) as [
      string | undefined,
      string,
      string,
      AuthorizationCodeCredentialOptions?,
    ];
    if (hasSecret) checkText(clientSecret, "clientSecret");
    checkText(code, "authorizationCode");
    checkText(redirectUri, "redirectUri");
    // Detects a missing argument, which would shift the code to the redirect URI, and the secret to the code.
    if (!parseUrl(redirectUri)) {
      throw new TypeError(
        'Argument "redirectUri" must be an absolute URL: the redirect URI of the authorization request',
      );
    }
    const name = "AuthorizationCodeCredential";
    const settings = resolveSettings(options, name, "codeVerifier");
    const { codeVerifier } = options;
    if (codeVerifier !== undefined) checkText(codeVerifier, "options.codeVerifier");
    const clientAuth = clientSecret === undefined ? noAuth() : secretAuth(clientSecret);
    let isRedeemed = false;
    const getToken = createUserSession({
      name,
      clientId,
      clientAuth,
      tenantId,
      manyTenants: "common",
      account: undefined,
      disableAutomaticAuthentication: false,
      async signIn(wanted, cause) {
        if (isRedeemed) {
          const message = "A user has to sign in: The authorization code has been redeemed. Get another one";
          throw signInRequired(wanted, message, cause);
        }
        const app = { name, clientId, clientAuth };
        const tokens = await redeemCode(app, { code, redirectUri, verifier: codeVerifier }, wanted, settings);
        isRedeemed = true;
        return wanted.completeSignIn(tokens);
      },
    }, settings).getToken;
    setInternals(this, getToken);
  }

  /**
   * Returns a token, from the cache if it has one. The first call redeems the code; later tokens are acquired silently.
   *
   * @param scopes Scopes of the token, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationRequiredError} The code has been redeemed, and the user must sign in again; see `cause`.
   * @throws {AuthenticationError} Microsoft Entra rejects the code or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
