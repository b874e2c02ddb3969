import { checkText } from "../core/validate.ts";
import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import type { InteractiveBrowserCredentialOptions } from "../options.ts";
import { currentPage } from "../runtime/page.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import type { TokenSet } from "../token_cache.ts";
import type { BrowserSignIn } from "./authorization.ts";
import { createUserSession, publicClient, type SignIn, type UserSession } from "./session.ts";

/** Creates the session of a user who signs in with a browser. Throws a `TypeError` if an option is malformed. */
export function createBrowserSession(options: InteractiveBrowserCredentialOptions, resolved: Settings): UserSession {
  const { loginHint, loginStyle = "popup", runtime = {} } = options;
  const redirectUri = typeof options.redirectUri === "function" ? options.redirectUri() : options.redirectUri;
  const name = "InteractiveBrowserCredential";
  const settings = { ...resolved, timeoutInMs: options.timeoutInMs ?? 300_000 };
  const client = publicClient(options);
  const { clientId } = client;
  if (loginHint !== undefined) checkText(loginHint, "loginHint");
  if (!["popup", "redirect"].includes(loginStyle)) {
    throw new TypeError('Option "loginStyle" must be "popup" or "redirect"');
  }
  const isPage = !runtime.listen && currentPage() !== undefined;
  if (isPage && options.clientId === undefined) {
    throw new TypeError(
      'Option "clientId" ("interactiveBrowserClientId" of DefaultAzureCredential) is required in a page: it is the client id of your app',
    );
  }
  if (redirectUri !== undefined) checkRedirectUri(redirectUri, isPage);
  const { successMessage: success, errorMessage: error } = options.browserCustomizationOptions ?? {};
  return createUserSession({
    name,
    ...client,
    async hasPendingResponse({ server }) {
      const page = isPage && loginStyle === "redirect" ? currentPage() : undefined;
      if (!page) return false;
      const { pendingRedirect } = await import("./popup_or_redirect.ts");
      return pendingRedirect(page, clientId, server) !== undefined;
    },
    signIn(request) {
      const hint = loginHint ?? (request.account?.username || undefined);
      return signInInBrowser(
        {
          name,
          clientId,
          redirectUri,
          prompt: hint === undefined ? "select_account" : "login",
          loginHint: hint,
          domainHint: options.domainHint,
          style: loginStyle,
          messages: { success, error },
        },
        request,
        { runtime, settings, hasLogger: options.log !== undefined, hasCustomFetch: options.fetch !== undefined },
      );
    },
  }, settings);
}

/** Signs a user in from the web page that runs the code, or else with the default browser of the machine. */
async function signInInBrowser(
  spec: BrowserSignIn,
  request: SignIn,
  context: {
    readonly runtime: RuntimeOverrides;
    readonly settings: Settings;
    readonly hasLogger: boolean;
    readonly hasCustomFetch: boolean;
  },
): Promise<TokenSet | undefined> {
  const page = context.runtime.listen ? undefined : currentPage();
  if (page) {
    const { signInByPopupOrRedirect } = await import("./popup_or_redirect.ts");
    return await signInByPopupOrRedirect(spec, request, { page, settings: context.settings });
  }
  const { signInByLoopback } = await import("./loopback.ts");
  return await signInByLoopback(spec, request, context);
}

function checkRedirectUri(redirectUri: unknown, isPage: boolean): void {
  const url = parseUrl(redirectUri);
  if (isPage && url?.origin === currentPage()?.url.origin) return;
  // The loopback server listens on these hosts. Port 80 is normalised to no port, and port 0 is not a reachable port.
  const isServed = !isPage && url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const isBare = !url?.username && !url?.password && url?.pathname === "/" && !url.search && !url.hash;
  if (isServed && isBare && !/:0*(80|0)\/?$/.test(String(redirectUri))) return;
  throw new TypeError(
    isPage
      ? 'Option "redirectUri" must be the URL of a page of the same origin'
      : 'Option "redirectUri" must be "http://localhost", with or without a port, such as "http://localhost:8400"',
  );
}
