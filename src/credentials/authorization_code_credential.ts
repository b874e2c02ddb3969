import { checkClientId, checkText } from "../core/check_text.ts";
import type { GetToken } from "../core/create_get_token.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { parseUrl } from "../core/url.ts";
import { noAuth, secretAuth } from "../oauth/client_auth.ts";
import { createUserSession, signInRequired } from "../oauth/user_session.ts";
import { redeemCode } from "../oauth/user_tokens.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AuthorizationCodeCredential}. */
export interface AuthorizationCodeCredentialOptions extends CredentialOptions {
  /** The PKCE verifier of the request that the code answers (RFC 7636), if it had a challenge. */
  codeVerifier?: string | undefined;
}

/**
 * A user who has signed in already: the program has the authorization code, which is good once. Afterwards tokens are had without the user, as
 * long as the instance lives.
 *
 * @example
 * ```ts no-eval
 * import { AuthorizationCodeCredential } from "@azweb/identity";
 *
 * declare const code: string;
 * const credential = new AuthorizationCodeCredential("my-tenant-id", "my-client-id", "my-secret", code, "https://my.app/signed-in");
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export class AuthorizationCodeCredential implements TokenCredential {
  readonly #getToken: GetToken;

  /**
   * For an app with a secret. Checks the arguments; sends nothing.
   *
   * @param tenantId The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`.
   * @param clientId The app's client id.
   * @param clientSecret The value of a secret of the app.
   * @param authorizationCode The code.
   * @param redirectUri The redirect URI that the code came to.
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
   * For an app that is a public client. Checks the arguments; sends nothing.
   *
   * @param tenantId The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`.
   * @param clientId The app's client id.
   * @param authorizationCode The code.
   * @param redirectUri The redirect URI that the code came to.
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
    // Where it is forgotten, the code stands in its place, and the secret in that of the code.
    if (!parseUrl(redirectUri)) {
      throw new TypeError('Argument "redirectUri" must be an absolute URL, the one that the code came to');
    }
    const name = "AuthorizationCodeCredential";
    const settings = resolveSettings(options);
    const { codeVerifier } = options;
    if (codeVerifier !== undefined) checkText(codeVerifier, "options.codeVerifier");
    const clientAuth = clientSecret === undefined ? noAuth() : secretAuth(clientSecret);
    let isRedeemed = false;
    this.#getToken = createUserSession({
      name,
      clientId,
      clientAuth,
      tenantId,
      manyTenants: "common",
      account: undefined,
      disableAutomaticAuthentication: false,
      async signIn(wanted, cause) {
        if (isRedeemed) {
          const message = "A user has to sign in: The authorization code is used up. Get another one";
          throw signInRequired(wanted, message, cause);
        }
        const app = { name, clientId, clientAuth };
        const tokens = await redeemCode(app, { code, redirectUri, verifier: codeVerifier }, wanted, settings);
        isRedeemed = true;
        return wanted.completeSignIn(tokens);
      },
    }, settings).getToken;
  }

  /**
   * Returns a token: from memory while it is fresh, for the code the first time, without the user afterwards.
   *
   * @param scopes What the token is for, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationRequiredError} The code is used up, and Microsoft Entra wants the user to sign in again (`cause` says why).
   * @throws {AuthenticationError} The code is refused, or Microsoft Entra does not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return this.#getToken(scopes, options);
  }
}
