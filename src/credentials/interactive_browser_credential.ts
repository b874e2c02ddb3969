/**
 * `InteractiveBrowserCredential` signs in a user with the browser, from an application on the desktop or from a web page.
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
import { createBrowserSession } from "../oauth/browser_session.ts";
import type { UserSession } from "../oauth/user_session.ts";
import type { InteractiveBrowserCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type {
  BrowserCustomizationOptions,
  BrowserLoginStyle,
  InteractiveBrowserCredentialInBrowserOptions,
  InteractiveBrowserCredentialNodeOptions,
  InteractiveBrowserCredentialOptions,
} from "../options.ts";

/**
 * A user who signs in in a browser: in that of the machine, where a program runs; in a window, or by leaving and coming back, where a page
 * runs. Afterwards tokens are had without the user, as long as the instance lives.
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
   * Checks the options; opens and sends nothing.
   *
   * @param options See {@linkcode InteractiveBrowserCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: InteractiveBrowserCredentialOptions = {}) {
    setInternals(this, createBrowserSession(options, resolveSettings(options)));
  }

  /**
   * Returns a token: from memory while it is fresh, without the user after the first sign-in, else after one.
   *
   * @param scopes What the token is for, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The runtime is no page and serves no loopback address, or opens no browser and has no log to tell.
   * @throws {AuthenticationRequiredError} The user has to sign in, and `disableAutomaticAuthentication` is set.
   * @throws {AuthenticationError} The user declines, closes the window or goes back, nobody signs in in time, Microsoft Entra refuses or does
   * not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<UserSession>(this).getToken(scopes, options);
  }

  /**
   * Has the user sign in, whoever has before. Returns who it was: keep it, and hand it in as `authenticationRecord`.
   *
   * @param scopes What the user is to consent to.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} As `getToken`.
   */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined> {
    return internalsOf<UserSession>(this).authenticate(scopes, options);
  }
}
