import type { AuthenticationRecord } from "../authentication_record.ts";
import type { CertificateConfiguration } from "../certificates/certificate_configuration.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import type { SealingKey } from "./seal.ts";

/** Options of {@linkcode createWebSignIn}. */
export interface WebSignInOptions extends CredentialOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`, which let in people of any. */
  tenantId: string;
  /** The app's client id. */
  clientId: string;
  /** The value of a secret of the app. Exactly one of this and the next two must be given: they prove the app. */
  clientSecret?: string | undefined;
  /** The app's certificate with what proves that it is the app's. */
  clientCertificate?: CertificateConfiguration | undefined;
  /** Returns an assertion, a JWT, that proves the app. Called once for each request, and only then. */
  getAssertion?: (() => Promise<string>) | undefined;
  /** Sends the certificate's chain along (`x5c`). Default: `false`. */
  sendCertificateChain?: boolean | undefined;
  /** The page that hands its request to `redeem`, as it is registered for the app: `https:`, or `http:` on this machine. */
  redirectUri: string;
  /** What the user consents to, such as `"https://graph.microsoft.com/User.Read"`: of one resource. */
  scopes: string | string[];
  /**
   * Pages that users may come back to: paths, such as `"/mail"`, or `"/mail/*"` for all below it; whatever their query. The first is where
   * they come back to if nothing else is said. Default: `["/"]`.
   */
  returnPaths?: string[] | undefined;
  /** Seals cookies and sessions. Of several, the first seals and all open, so that one can take another's place. */
  sealingKey: SealingKey | readonly SealingKey[];
  /** How long a session can be resumed after the user has signed in, in milliseconds. Default: 8 hours. */
  sessionLifetimeInMs?: number | undefined;
}

/** Options of one sign-in. */
export interface SignInRequestOptions {
  /** Path and query that the user returns to. Default: those of the request, or the first of `returnPaths` if they are not allowed. */
  returnPath?: string | undefined;
  /** The claims of an `AuthenticationRequiredError` or of a claims challenge, as a JSON string. */
  claims?: string | undefined;
  /** User name to suggest, such as `"jo@contoso.com"`. */
  loginHint?: string | undefined;
  /** Domain of the user, which skips the choice of the account's kind. */
  domainHint?: string | undefined;
  /** Kind of prompt: `"login"`, `"select_account"`, `"consent"` or `"none"`. Default: Microsoft Entra decides. */
  prompt?: string | undefined;
}

/** The credential of a user who has signed in. */
export interface WebUserCredential extends TokenCredential {
  /**
   * Returns a token: from memory while it is fresh, without the user afterwards.
   *
   * @throws {AuthenticationRequiredError} The user has to sign in again; `getTokenOptions.claims` says how.
   * @throws {AuthenticationError} Microsoft Entra refuses or does not answer.
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
   * Returns the session as sealed text, for a cookie or a store of yours; `resume` takes it. It changes when a refresh token is replaced. Of two
   * requests at once either may go on with the older one, which Microsoft Entra takes.
   */
  sealSession(): Promise<string>;
}

/** Result of a sign-in. */
export interface RedeemedSignIn extends WebUser {
  /** Redirects the browser to the return path and deletes the cookie of the sign-in. Add cookies of your own. */
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
   * @throws {AuthenticationError} The authority is not Microsoft's, and cannot be discovered.
   */
  signIn(request: Request, options?: SignInRequestOptions): Promise<Response>;
  /**
   * Redeems the authorization response and returns the user. A response can be redeemed once.
   *
   * @param request The request to `redirectUri`.
   * @throws {AuthenticationError} The user declines, the answer is not that of a sign-in of this browser, it took longer than ten minutes, or
   * Microsoft Entra refuses or does not answer.
   */
  redeem(request: Request): Promise<RedeemedSignIn>;
  /**
   * Returns the user of a session that `sealSession` has sealed. Sends nothing.
   *
   * @param session The sealed text.
   * @throws {AuthenticationRequiredError} The session has ended, or is none: the user has to sign in.
   */
  resume(session: string): Promise<WebUser>;
}
