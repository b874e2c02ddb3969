import { checkText } from "../core/validate.ts";
import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import type { InteractiveBrowserCredentialOptions } from "../options.ts";
import { isBackground } from "../runtime/background.ts";
import { currentPage, type Page, type PageWindow } from "../runtime/page.ts";
import { createUserSession, publicClient, type UserSession } from "./session.ts";

/** A window that is opened before the sign-in that needs it. */
interface EarlyWindow {
  /** `undefined` if the browser has blocked it. */
  readonly window: PageWindow | undefined;
  /** Number of calls that may need it. */
  calls: number;
  /** Whether a sign-in uses it. */
  isTaken: boolean;
}

/**
 * Creates the session of a user who signs in with a browser. Throws a `TypeError` if an option is malformed. What
 * depends on the runtime is checked at the first call: a page that is rendered on a server constructs its credentials
 * there too.
 */
export function createBrowserSession(options: InteractiveBrowserCredentialOptions, resolved: Settings): UserSession {
  const { loginHint, loginStyle = "popup", runtime = {} } = options;
  const name = "InteractiveBrowserCredential";
  const settings = { ...resolved, timeoutInMs: options.timeoutInMs ?? 300_000 };
  const client = publicClient(options);
  const { clientId } = client;
  if (loginHint !== undefined) checkText(loginHint, "loginHint");
  if (!["popup", "redirect"].includes(loginStyle)) {
    throw new TypeError('Option "loginStyle" must be "popup" or "redirect"');
  }
  if (!["undefined", "function"].includes(typeof options.redirectUri) && !parseUrl(options.redirectUri)) {
    throw new TypeError('Option "redirectUri" must be an absolute URL, such as "http://localhost:8400"');
  }
  const { successMessage: success, errorMessage: error } = options.browserCustomizationOptions ?? {};
  let redirectUri: string | undefined;
  let isChecked = false;
  let hasToken = false;
  let earlyWindow: EarlyWindow | undefined;

  const session = createUserSession({
    name,
    ...client,
    async hasPendingResponse({ server }) {
      const page = loginStyle === "redirect" ? findPage() : undefined;
      if (!page) return false;
      const { pendingRedirect } = await import("./popup_or_redirect.ts");
      return pendingRedirect(page, clientId, server) !== undefined;
    },
    async signIn(request) {
      const hint = loginHint ?? (request.account?.username || undefined);
      const spec = {
        name,
        clientId,
        redirectUri,
        prompt: hint === undefined ? "select_account" : "login",
        loginHint: hint,
        domainHint: options.domainHint,
        style: loginStyle,
        messages: { success, error },
      };
      const page = findPage();
      if (page) {
        const { signInByPopupOrRedirect } = await import("./popup_or_redirect.ts");
        return await signInByPopupOrRedirect(spec, request, { page, openWindow: () => takeWindow(page), settings });
      }
      const { signInByLoopback } = await import("./loopback.ts");
      const [hasLogger, hasCustomFetch] = [options.log !== undefined, options.fetch !== undefined];
      return await signInByLoopback(spec, request, { runtime, settings, hasLogger, hasCustomFetch });
    },
  }, settings);

  /** Returns the page that signs the user in; `undefined` for a program. */
  function findPage(): Page | undefined {
    return runtime.listen ? undefined : currentPage();
  }

  function checkOptions(page: Page | undefined): void {
    if (page && options.clientId === undefined) {
      throw new TypeError(
        'Option "clientId" ("interactiveBrowserClientId" of DefaultAzureCredential) is required in a page: it is the client id of your app',
      );
    }
    const uri = typeof options.redirectUri === "function" ? options.redirectUri() : options.redirectUri;
    if (uri !== undefined) checkRedirectUri(uri, page);
    redirectUri = uri;
    isChecked = true;
  }

  /** Calls a method of the session; `prompts` is whether it certainly prompts the user. */
  async function call<T>(prompts: boolean, method: () => Promise<T>): Promise<T> {
    const page = isChecked && !prompts ? undefined : findPage();
    if (!isChecked) checkOptions(page);
    const opens = page && prompts && loginStyle === "popup" && !page.isPopup;
    const result = await (opens ? withEarlyWindow(page, method) : method());
    hasToken = true;
    return result;
  }

  /**
   * Opens the window before the first `await`, because WebKit blocks windows after it even in a click handler. Closes
   * the window if no sign-in needs it.
   */
  async function withEarlyWindow<T>(page: Page, method: () => Promise<T>): Promise<T> {
    // One prompt serves concurrent calls.
    const early = earlyWindow ??= { window: page.openWindow(), calls: 0, isTaken: false };
    early.calls++;
    try {
      return await method();
    } finally {
      if (--early.calls === 0) {
        earlyWindow = undefined;
        early.window?.close();
      }
    }
  }

  function takeWindow(page: Page): PageWindow | undefined {
    if (!earlyWindow || earlyWindow.isTaken) return page.openWindow();
    earlyWindow.isTaken = true;
    return earlyWindow.window;
  }

  return {
    ...session,
    getToken(scopes, getTokenOptions) {
      if (hasToken) return session.getToken(scopes, getTokenOptions);
      const signal = getTokenOptions?.abortSignal;
      const prompts = !client.disableAutomaticAuthentication && !signal?.aborted && !isBackground(signal);
      return call(prompts, () => session.getToken(scopes, getTokenOptions));
    },
    authenticate: (scopes, getTokenOptions) =>
      call(!getTokenOptions?.abortSignal?.aborted, () => session.authenticate(scopes, getTokenOptions)),
  };
}

function checkRedirectUri(redirectUri: unknown, page: Page | undefined): void {
  const url = parseUrl(redirectUri);
  if (page && url?.origin === page.url.origin) return;
  // The loopback server listens on these hosts. Port 80 is normalised to no port, and port 0 is not a reachable port.
  const isServed = !page && url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const isBare = !url?.username && !url?.password && url?.pathname === "/" && !url.search && !url.hash;
  if (isServed && isBare && !/:0*(80|0)\/?$/.test(String(redirectUri))) return;
  throw new TypeError(
    page
      ? 'Option "redirectUri" must be the URL of a page of the same origin'
      : 'Option "redirectUri" must be "http://localhost", with or without a port, such as "http://localhost:8400"',
  );
}
