import type { AssertionRequest } from "../assertion_source.ts";
import type { AuthenticationRecord } from "../authentication_record.ts";
import type { CertificateConfiguration } from "../certificates/certificate_configuration.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import type { SealingKey } from "./seal.ts";

/** Options of {@linkcode createWebSignIn}. */
export interface WebSignInOptions extends CredentialOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"` for users of any tenant. */
  tenantId: string;
  /** The app's client id. */
  clientId: string;
  /** A client secret. Exactly one of `clientSecret`, `clientCertificate` and `getAssertion` is required. */
  clientSecret?: string | undefined;
  /** The app's certificate with its private key, or with a callback that signs. */
  clientCertificate?: CertificateConfiguration | undefined;
  /** Returns a client assertion, a JWT. Called once for each token request. */
  getAssertion?: ((request: AssertionRequest) => Promise<string>) | undefined;
  /** Whether client assertions contain the certificate chain (`x5c`). @default {false} */
  sendCertificateChain?: boolean | undefined;
  /** The registered redirect URI: `https:`, or `http:` on localhost. The app passes requests to it to `redeem`. */
  redirectUri: string;
  /** Scopes of one resource that the user consents to, such as `"https://graph.microsoft.com/User.Read"`. */
  scopes: string | string[];
  /**
   * Paths that users may return to after a sign-in, with any query, such as `"/mail"`, or `"/mail/*"` for all paths
   * below it. The first path is the default of `returnPath`.
   *
   * @default {["/"]}
   */
  returnPaths?: string[] | undefined;
  /**
   * Encrypts cookies and sessions. Of several keys, the first one encrypts and all decrypt, so that keys can be
   * rotated.
   */
  sealingKey: SealingKey | readonly SealingKey[];
  /** How long a session can be resumed after the sign-in, in milliseconds. @default {28_800_000} */
  sessionLifetimeInMs?: number | undefined;
}

/** Options of one sign-in. */
export interface SignInRequestOptions {
  /**
   * Path and query that the user returns to. The default is that of the request, or the first of `returnPaths` if the
   * former is not allowed.
   */
  returnPath?: string | undefined;
  /** The claims of an `AuthenticationRequiredError` or of a claims challenge, as a JSON string. */
  claims?: string | undefined;
  /** User name to suggest, such as `"jo@contoso.com"`. */
  loginHint?: string | undefined;
  /** Domain of the user's account, which skips the account type selection. */
  domainHint?: string | undefined;
  /**
   * Kind of prompt: `"login"`, `"select_account"`, `"consent"` or `"none"`. If it is omitted, Microsoft Entra decides.
   */
  prompt?: string | undefined;
}

/** The credential of a user who has signed in. */
export interface WebUserCredential extends TokenCredential {
  /**
   * Returns an access token: a cached one while it is fresh, or else one that is acquired silently.
   *
   * @throws {AuthenticationRequiredError} The user has to sign in again, with `getTokenOptions.claims` if it is set.
   * @throws {AuthenticationError} Microsoft Entra rejects the request or does not respond.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken>;
}

/** A user who has signed in. */
export interface WebUser {
  /** The user's account. */
  readonly account: AuthenticationRecord;
  /** Acquires tokens for this user. */
  readonly credential: WebUserCredential;
  /**
   * Returns the encrypted session for `resume`, to store in a cookie or a session store. It changes when the refresh
   * token is replaced. If concurrent requests return different sessions, any of them may be stored, because Microsoft
   * Entra also accepts the previous refresh token.
   */
  sealSession(): Promise<string>;
}

/** Result of a sign-in. */
export interface RedeemedSignIn extends WebUser {
  /** Redirects the browser to the return path and deletes the cookie of the sign-in. The app may add cookies. */
  readonly response: Response;
}

/** The sign-in of a web app. */
export interface WebSignIn {
  /**
   * Returns the redirect to the authorization endpoint, with a sealed cookie that `redeem` needs.
   *
   * @param request The request of the browser.
   * @param options See {@linkcode SignInRequestOptions}.
   * @throws {TypeError} `returnPath` is not one of `returnPaths`, or `claims` is not JSON.
   * @throws {AuthenticationError} The host of the authority is unknown, and discovery fails.
   */
  signIn(request: Request, options?: SignInRequestOptions): Promise<Response>;
  /**
   * Redeems the authorization response and returns the user. A response can be redeemed once.
   *
   * @param request The request to `redirectUri`.
   * @throws {AuthenticationError} The user declines, the response belongs to no pending sign-in of this browser, the
   * sign-in took longer than ten minutes, or Microsoft Entra rejects the request or does not respond.
   */
  redeem(request: Request): Promise<RedeemedSignIn>;
  /**
   * Returns the user of a session that `sealSession` returned. Sends no request.
   *
   * @param session The encrypted session.
   * @throws {AuthenticationRequiredError} The session has expired or is invalid: the user has to sign in.
   */
  resume(session: string): Promise<WebUser>;
}
