/**
 * `OnBehalfOfCredential` exchanges the access token of a user for one with which an API calls another API on behalf of
 * the user.
 *
 * @example
 * ```ts no-eval
 * import { OnBehalfOfCredential } from "@azweb/identity/on-behalf-of-credential";
 *
 * declare const userAssertionToken: string;
 * const app = { tenantId: "my-tenant-id", clientId: "my-client-id", clientSecret: "my-secret" };
 * const credential = new OnBehalfOfCredential({ ...app, userAssertionToken });
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @module
 */

import { checkClientId, checkUserAssertion } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { createAppAuth } from "../certificates/app_auth.ts";
import { claimsOf } from "../entra/claims.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { AssertionRequest } from "../assertion_source.ts";
import type { AppCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of every {@linkcode OnBehalfOfCredential}. */
export interface OnBehalfOfCredentialUserOptions extends AppCredentialOptions {
  /** The tenant's id or domain name. */
  tenantId: string;
  /** The app's client id. */
  clientId: string;
  /** Access token of the user, issued for the app. */
  userAssertionToken: string;
}

/** Options of {@linkcode OnBehalfOfCredential} for an app with a client secret. */
export interface OnBehalfOfCredentialSecretOptions extends OnBehalfOfCredentialUserOptions {
  /** The value of a client secret of the app. */
  clientSecret: string;
}

/** Options of {@linkcode OnBehalfOfCredential} for an app with a certificate. */
export interface OnBehalfOfCredentialCertificateOptions extends OnBehalfOfCredentialUserOptions {
  /** The path of a PEM file with the certificate and its private key. */
  certificatePath: string;
  /**
   * Whether the client assertion contains the certificate chain (`x5c`).
   *
   * @default {false}
   */
  sendCertificateChain?: boolean | undefined;
}

/** Options of {@linkcode OnBehalfOfCredential} for an app with a client assertion. */
export interface OnBehalfOfCredentialAssertionOptions extends OnBehalfOfCredentialUserOptions {
  /** Returns the assertion, a JWT. Called once for each token request. */
  getAssertion: (request: AssertionRequest) => Promise<string>;
}

/** Options of {@linkcode OnBehalfOfCredential}, with one of three kinds of client authentication. */
export type OnBehalfOfCredentialOptions =
  | OnBehalfOfCredentialSecretOptions
  | OnBehalfOfCredentialCertificateOptions
  | OnBehalfOfCredentialAssertionOptions;

type AnyOptions =
  & OnBehalfOfCredentialUserOptions
  & Partial<OnBehalfOfCredentialSecretOptions & OnBehalfOfCredentialCertificateOptions>
  & Partial<OnBehalfOfCredentialAssertionOptions>;

/** The names of its options, without those that every credential has. */
const OPTIONS = "tenantId clientId userAssertionToken clientSecret certificatePath sendCertificateChain getAssertion " +
  "claimsFromClient";

/**
 * Authenticates an app that calls another API on behalf of its user: exchanges the user's token for a token of that
 * API. Create an instance for each token of a user. Tokens are cached by the user's token.
 *
 * @example
 * ```ts no-eval
 * import { OnBehalfOfCredential } from "@azweb/identity";
 *
 * export default {
 *   async fetch(request: Request): Promise<Response> {
 *     const userAssertionToken = request.headers.get("authorization")!.replace("Bearer ", "");
 *     const credential = new OnBehalfOfCredential({
 *       tenantId: "my-tenant-id",
 *       clientId: "my-client-id",
 *       clientSecret: "my-secret",
 *       userAssertionToken,
 *     });
 *     const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 *     return await fetch("https://graph.microsoft.com/v1.0/me", { headers: { authorization: `Bearer ${token}` } });
 *   },
 * };
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
 */
export class OnBehalfOfCredential implements TokenCredential {
  /**
   * Validates the options. Reads and sends nothing.
   *
   * @param options See {@linkcode OnBehalfOfCredentialOptions}.
   * @throws {TypeError} An option is missing or malformed, or not exactly one is given of `clientSecret`,
   * `certificatePath` and `getAssertion`.
   */
  constructor(options: OnBehalfOfCredentialOptions);
  constructor(options: AnyOptions) {
    const settings = resolveSettings(options, "OnBehalfOfCredential", OPTIONS);
    const { tenantId, clientId, userAssertionToken } = options;
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    checkUserAssertion(userAssertionToken);
    const name = "OnBehalfOfCredential";
    const { clientAuth, cacheIdentity } = createAppAuth(name, options, settings);
    const parameters = { assertion: userAssertionToken, requested_token_use: "on_behalf_of" };
    const type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const claims = claimsOf(options);
    const acquire = createTokenClient({ name, clientId, clientAuth, type, parameters, claims }, settings);
    const getToken = createGetToken({
      name,
      tenantId,
      files: [options.certificatePath],
      cacheIdentity: async () => [clientId, userAssertionToken, ...await cacheIdentity(), ...claims ? [claims] : []],
      acquire,
    }, settings);
    setInternals(this, getToken);
  }

  /**
   * Returns a token for the user, from the cache if it has one.
   *
   * @param scopes Scopes of the token, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} The certificate file cannot be read; or Microsoft Entra rejects the user's token or
   * the app, requires the user to sign in again (see `claims`), or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
