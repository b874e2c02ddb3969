import type { AuthorizationServer } from "oauth4webapi";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { Page, PageWindow } from "../runtime/page.ts";
import type { TokenSet } from "../token_cache.ts";
import {
  type BrowserSignIn,
  createAuthorization,
  type PendingAuthorization,
  readAuthorization,
  readAuthorizationCode,
} from "./authorization.ts";
import { mergeClaims } from "../entra/claims.ts";
import { noAuth } from "../entra/client_auth.ts";
import type { SignIn } from "./session.ts";
import { redeemCode } from "./tokens.ts";

const POLL_INTERVAL_IN_MS = 50;

/**
 * Signs a user in by a popup window or by a redirect of the page. Returns `undefined` if the redirect was for another
 * token request: the session then has a refresh token for this request.
 */
export async function signInByPopupOrRedirect(
  spec: BrowserSignIn,
  request: SignIn,
  { page, openWindow, settings }: {
    readonly page: Page;
    /** Returns the popup window; `undefined` if the browser has blocked it. */
    readonly openWindow: () => PageWindow | undefined;
    readonly settings: Settings;
  },
): Promise<TokenSet | undefined> {
  const { name, clientId, redirectUri = page.url.origin, style } = spec;
  const { server } = request;
  if (page.isPopup) return await waitForPopupClose();
  const key = storageKey(clientId, server);
  const pending = style === "redirect" ? pendingRedirect(page, clientId, server) : undefined;
  const authorization = pending ??
    await createAuthorization(request, { ...spec, redirectUri, responseMode: "fragment" });
  const parameters = pending
    ? fragmentOf(page.url)
    : await (style === "redirect" ? signInByRedirect() : signInByPopup());
  if (pending) {
    // An authorization response can be redeemed only once.
    page.storage?.removeItem(key);
    page.clearFragment();
  }
  const code = readAuthorizationCode(parameters, { server, clientId, state: authorization.state });
  const sent = new URL(authorization.url).searchParams;
  const scope = sent.get("scope") ?? "";
  // Includes the client capability for continuous access evaluation, if it was requested.
  const claims = sent.get("claims") ?? undefined;
  const tokenRequest = { ...request, scopes: scope.split(" "), claims, enableCae: false };
  const app = { name, clientId, clientAuth: noAuth() };
  const token = request.completeSignIn(await redeemCode(app, { ...authorization, code }, tokenRequest, settings));
  const isSame = scope === request.scopes.join(" ") && claims === mergeClaims(request.claims, request.enableCae);
  return isSame ? token : undefined;

  /** Waits, in the popup window, until the opener has read the response in its URL and closes it. */
  function waitForPopupClose(): Promise<never> {
    request.setPendingStep({
      missing: "The popup window of the sign-in was not closed",
      nextStep: "Close it, and sign in again in the page that opened it",
    });
    return new Promise(() => {});
  }

  async function signInByRedirect(): Promise<never> {
    if (!page.storage) {
      throw new AuthenticationError(
        'Cannot sign in: The page has no session storage, which is needed to validate the response. Allow it in the browser, or set "loginStyle" to "popup"',
      );
    }
    page.storage.setItem(key, JSON.stringify(authorization));
    page.navigate(authorization.url);
    // Usually the browser unloads the page before this resolves.
    await page.untilBfcacheRestore();
    page.storage.removeItem(key);
    throw new AuthenticationError("Cannot sign in: The user returned without signing in");
  }

  async function signInByPopup(): Promise<URLSearchParams> {
    const popup = openWindow();
    if (!popup) {
      throw new AuthenticationError(
        "Cannot sign in: The browser blocked the popup window. In a click handler, before the first await, request " +
          'the first token or call "authenticate"; or set "loginStyle" to "redirect"',
      );
    }
    popup.navigate(authorization.url);
    request.setPendingStep({
      missing: "The user has not signed in",
      nextStep: `If the window shows AADSTS50011, register "${redirectUri}" under "Single-page application"`,
    });
    try {
      while (!popup.closed) {
        const parameters = fragmentOf(popup.url());
        if (parameters.get("state") === authorization.state) {
          request.setPendingStep({});
          return parameters;
        }
        await settings.sleep(POLL_INTERVAL_IN_MS, request.signal);
      }
    } finally {
      popup.close();
    }
    throw new AuthenticationError("Cannot sign in: The user has closed the window");
  }
}

/** Returns the authorization request whose response is in the URL of the page; `undefined` if there is none. */
export function pendingRedirect(
  page: Page,
  clientId: string,
  server: AuthorizationServer,
): PendingAuthorization | undefined {
  const stored = readAuthorization(page.storage?.getItem(storageKey(clientId, server)));
  return stored?.state === fragmentOf(page.url).get("state") ? stored : undefined;
}

function storageKey(clientId: string, server: AuthorizationServer): string {
  return `@azweb/identity ${clientId} ${server.token_endpoint}`;
}

function fragmentOf(url: URL | undefined): URLSearchParams {
  return new URLSearchParams(url?.hash.slice(1) ?? "");
}
