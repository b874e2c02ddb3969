import type { AuthenticationRecord } from "../authentication_record.ts";
import { checkClientId, checkText } from "../core/check_text.ts";
import { isLoopback, resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { noAuth } from "../oauth/client_auth.ts";
import { signInInBrowser } from "../oauth/sign_in_in_browser.ts";
import { createUserSession, type UserSession } from "../oauth/user_session.ts";
import { DEVELOPER_SIGN_ON_CLIENT_ID, type InteractiveCredentialOptions } from "../options.ts";
import { currentPage } from "../runtime/page.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** What the user reads when the sign-in is over. Texts, not HTML. */
export interface BrowserCustomizationOptions {
  /** After a sign-in. */
  successMessage?: string | undefined;
  /** After one that failed. */
  errorMessage?: string | undefined;
}

/** Options of {@linkcode InteractiveBrowserCredential}. */
export interface InteractiveBrowserCredentialOptions extends InteractiveCredentialOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`. Default: any. */
  tenantId?: string | undefined;
  /** The client id of an app. In a page it must be given. Default: the Azure CLI's, for development. */
  clientId?: string | undefined;
  /**
   * Where the answer goes. In a page: a page of the same origin, registered for single-page applications; default: the origin. Elsewhere:
   * `http://localhost` with a port, registered for desktop applications; default: a free port.
   */
  redirectUri?: string | undefined;
  /** The user who is expected, such as `"jo@contoso.com"`. */
  loginHint?: string | undefined;
  /** The domain of the user who is expected, so that the user need not say it. */
  domainHint?: string | undefined;
  /** In a page: whether the user signs in in a window of its own, or the page is left and come back to. Default: `"popup"`. */
  loginStyle?: "popup" | "redirect" | undefined;
  /** See {@linkcode BrowserCustomizationOptions}. */
  browserCustomizationOptions?: BrowserCustomizationOptions | undefined;
  /** How long a sign-in may take, in milliseconds. Default: 300,000. */
  timeoutInMs?: number | undefined;
}

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
  readonly #session: UserSession;

  /**
   * Checks the options; opens and sends nothing.
   *
   * @param options See {@linkcode InteractiveBrowserCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: InteractiveBrowserCredentialOptions = {}) {
    const { tenantId = "", clientId = DEVELOPER_SIGN_ON_CLIENT_ID, loginHint, redirectUri, runtime = {} } = options;
    const name = "InteractiveBrowserCredential";
    const settings = resolveSettings(options, { timeoutInMs: 300_000 });
    if (tenantId) checkTenantId(tenantId);
    checkClientId(clientId);
    if (loginHint !== undefined) checkText(loginHint, "loginHint");
    const isPage = !runtime.listen && currentPage() !== undefined;
    if (isPage && options.clientId === undefined) {
      throw new TypeError('Option "clientId" must be given in a page: it is an app of your own that people sign in to');
    }
    if (redirectUri !== undefined) checkRedirectUri(redirectUri, isPage);
    const { successMessage: success, errorMessage: error } = options.browserCustomizationOptions ?? {};
    this.#session = createUserSession({
      name,
      clientId,
      clientAuth: noAuth(),
      tenantId,
      manyTenants: clientId === DEVELOPER_SIGN_ON_CLIENT_ID ? "organizations" : "common",
      account: options.authenticationRecord,
      disableAutomaticAuthentication: options.disableAutomaticAuthentication ?? false,
      signIn(wanted) {
        const hint = loginHint ?? (wanted.account?.username || undefined);
        return signInInBrowser(
          {
            name,
            clientId,
            redirectUri,
            prompt: hint === undefined ? "select_account" : "login",
            loginHint: hint,
            domainHint: options.domainHint,
            style: options.loginStyle ?? "popup",
            messages: { success, error },
          },
          wanted,
          { runtime: runtime as Partial<Runtime>, settings },
        );
      },
    }, settings);
  }

  /**
   * Returns a token: from memory while it is fresh, without the user after the first sign-in, else after one.
   *
   * @param scopes What the token is for, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} This runtime serves no loopback address and is no page.
   * @throws {AuthenticationRequiredError} The user has to sign in, and `disableAutomaticAuthentication` is set.
   * @throws {AuthenticationError} The user declines or closes the window, nobody signs in in time, Microsoft Entra refuses or does not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return this.#session.getToken(scopes, options);
  }

  /**
   * Has the user sign in, whoever has before. Returns who it was: keep it, and hand it in as `authenticationRecord`.
   *
   * @param scopes What the user is to consent to.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} As `getToken`.
   */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined> {
    return this.#session.authenticate(scopes, options);
  }
}

function checkRedirectUri(redirectUri: unknown, isPage: boolean): void {
  let url: URL | undefined;
  try {
    url = new URL(String(redirectUri));
  } catch {
    // Falls through to the error below.
  }
  if (isPage && url) return;
  if (url?.protocol === "http:" && isLoopback(url.hostname) && url.pathname === "/" && !url.search && !url.hash) return;
  throw new TypeError(
    isPage
      ? 'Option "redirectUri" must be the URL of a page'
      : 'Option "redirectUri" must be "http://localhost" with a port, such as "http://localhost:8400"',
  );
}
