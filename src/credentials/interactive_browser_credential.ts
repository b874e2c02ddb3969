/**
 * `InteractiveBrowserCredential` signs in a user with the browser, from an application on the desktop or from a web
 * page.
 *
 * @example
 * ```ts no-eval
 * import { InteractiveBrowserCredential } from "@azweb/identity/interactive-browser-credential";
 *
 * const credential = new InteractiveBrowserCredential({ tenantId: "my-tenant-id", clientId: "my-client-id" });
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @module
 */

import type { AuthenticationRecord } from "../authentication_record.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { createBrowserSession } from "../sign_in/browser_session.ts";
import type { UserSession } from "../sign_in/session.ts";
import type { InteractiveBrowserCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type {
  BrowserCustomizationOptions,
  BrowserLoginStyle,
  InteractiveBrowserCredentialInBrowserOptions,
  InteractiveBrowserCredentialNodeOptions,
  InteractiveBrowserCredentialOptions,
} from "../options.ts";

/** The functions behind the methods. */
type Internals = Pick<UserSession, "getToken" | "authenticate">;

/** The names of its options, without those that every credential has. */
const OPTIONS = "tenantId clientId authenticationRecord disableAutomaticAuthentication redirectUri " +
  "loginHint domainHint loginStyle browserCustomizationOptions";

/**
 * Authenticates a user with the browser: a program opens the default browser of the machine; a web page opens a popup
 * window or redirects. Later tokens are acquired silently for the lifetime of the instance.
 *
 * @example
 * ```ts no-eval
 * import { InteractiveBrowserCredential } from "@azweb/identity";
 *
 * const credential = new InteractiveBrowserCredential({ tenantId: "my-tenant-id", clientId: "my-client-id" });
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export class InteractiveBrowserCredential implements TokenCredential {
  /**
   * Validates the options. Opens and sends nothing. Requirements of web pages and of programs are checked by the
   * methods, so that the code of a page also runs where a server renders the page.
   *
   * @param options See {@linkcode InteractiveBrowserCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: InteractiveBrowserCredentialOptions = {}) {
    const { getToken, authenticate } = createBrowserSession(
      options,
      resolveSettings(options, "InteractiveBrowserCredential", OPTIONS),
    );
    // Only these functions, and not the whole session, whose snapshot contains the refresh token.
    setInternals(this, { getToken, authenticate });
  }

  /**
   * Returns a token, from the cache if it has one. Otherwise acquires it silently if possible, else prompts the user to
   * sign in. In a page with `loginStyle: "popup"`, request the first token in a click handler, before its first
   * `await`.
   *
   * @param scopes Scopes of the token, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {TypeError} `redirectUri` is not valid for the page or the program, or `clientId` is not set in a page.
   * @throws {CredentialUnavailableError} The runtime cannot listen on a loopback address, or cannot open a browser and
   * `log` is not set.
   * @throws {AuthenticationRequiredError} The user must sign in, and `disableAutomaticAuthentication` is set.
   * @throws {AuthenticationError} The user declines, closes the window, goes back or does not sign in in time, or
   * Microsoft Entra rejects the request or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<Internals>(this).getToken(scopes, options);
  }

  /**
   * Prompts the user to sign in, even if an account is cached. Returns the account's authentication record; pass it as
   * `authenticationRecord` to reuse the account.
   *
   * @param scopes Scopes that the user consents to.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {TypeError} As `getToken`.
   * @throws {AuthenticationError} As `getToken`.
   */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined> {
    return internalsOf<Internals>(this).authenticate(scopes, options);
  }
}
