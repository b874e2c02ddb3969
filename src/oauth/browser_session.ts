import { checkClientId, checkText } from "../core/check_text.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { DEVELOPER_SIGN_ON_CLIENT_ID, type InteractiveBrowserCredentialOptions } from "../options.ts";
import { currentPage } from "../runtime/page.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { noAuth } from "./client_auth.ts";
import { signInInBrowser } from "./sign_in_in_browser.ts";
import { createUserSession, type UserSession } from "./user_session.ts";

/** Returns the session of a user who signs in in a browser. Throws a `TypeError` where an option is malformed. */
export function createBrowserSession(options: InteractiveBrowserCredentialOptions): UserSession {
  const { tenantId = "", clientId = DEVELOPER_SIGN_ON_CLIENT_ID, loginHint, runtime = {} } = options;
  const redirectUri = typeof options.redirectUri === "function" ? options.redirectUri() : options.redirectUri;
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
  return createUserSession({
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
        { runtime: runtime as Partial<Runtime>, settings, isHeard: options.log !== undefined },
      );
    },
  }, settings);
}

function checkRedirectUri(redirectUri: unknown, isPage: boolean): void {
  let url: URL | undefined;
  try {
    url = new URL(String(redirectUri));
  } catch {
    // Falls through to the error below.
  }
  if (isPage && url?.origin === currentPage()?.url.origin) return;
  // The addresses that are listened at; 80 is what is meant by no port, and nobody is found at 0.
  const isServed = !isPage && url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const isBare = !url?.username && !url?.password && url?.pathname === "/" && !url.search && !url.hash;
  if (isServed && isBare && !/:0*(80|0)\/?$/.test(String(redirectUri))) return;
  throw new TypeError(
    isPage
      ? 'Option "redirectUri" must be the URL of a page of the same origin'
      : 'Option "redirectUri" must be "http://localhost", with or without a port, such as "http://localhost:8400"',
  );
}
