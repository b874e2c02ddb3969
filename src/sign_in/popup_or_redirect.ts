import type { AuthorizationServer } from "oauth4webapi";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { Page } from "../runtime/page.ts";
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

const POLL_EVERY_IN_MS = 50;

/**
 * Signs a user in by a popup window or by a redirect of the page. Returns `undefined` if the redirect was for another token request: the user
 * is signed in then, and the session has a refresh token.
 */
export async function signInInPage(
  spec: BrowserSignIn,
  wanted: SignIn,
  { page, settings }: { readonly page: Page; readonly settings: Settings },
): Promise<TokenSet | undefined> {
  const { name, clientId, redirectUri = page.url.origin, style } = spec;
  const { server } = wanted;
  if (page.isPopup) return await waitForPopupClose();
  const key = storageKey(clientId, server);
  const pending = style === "redirect" ? pendingRedirect(page, clientId, server) : undefined;
  const authorization = pending ??
    await createAuthorization(wanted, { ...spec, redirectUri, responseMode: "fragment" });
  const parameters = pending
    ? fragmentOf(page.url)
    : await (style === "redirect" ? signInByRedirect() : signInByPopup());
  if (pending) {
    // A response can be redeemed once.
    page.storage?.removeItem(key);
    page.clearFragment();
  }
  const code = readAuthorizationCode(parameters, { server, clientId, state: authorization.state });
  const requested = new URL(authorization.url).searchParams;
  const scope = requested.get("scope") ?? "";
  // Includes the client capability for continuous access evaluation, if it was requested.
  const claims = requested.get("claims") ?? undefined;
  const request = { ...wanted, scopes: scope.split(" "), claims, enableCae: false };
  const app = { name, clientId, clientAuth: noAuth() };
  const token = wanted.completeSignIn(await redeemCode(app, { ...authorization, code }, request, settings));
  const isWanted = scope === wanted.scopes.join(" ") && claims === mergeClaims(wanted.claims, wanted.enableCae);
  return isWanted ? token : undefined;

  /** Waits until the opener has read the response from the URL of this popup, and closes it. */
  function waitForPopupClose(): Promise<never> {
    wanted.setPendingStep({
      missing: "This is the window of a sign-in, and nobody has closed it",
      nextStep: "Close it, and sign in where it was opened",
    });
    return new Promise(() => {});
  }

  async function signInByRedirect(): Promise<never> {
    if (!page.storage) {
      throw new AuthenticationError(
        'Cannot sign in: The browser gives the page no session storage, which is needed to know the answer. Allow it, or set "loginStyle" to "popup"',
      );
    }
    page.storage.setItem(key, JSON.stringify(authorization));
    page.navigate(authorization.url);
    // Usually the browser unloads the page before this resolves.
    await page.untilBfcacheRestore();
    page.storage.removeItem(key);
    throw new AuthenticationError("Cannot sign in: The user came back without signing in");
  }

  async function signInByPopup(): Promise<URLSearchParams> {
    const opened = page.openWindow(authorization.url);
    if (!opened) {
      throw new AuthenticationError(
        'Cannot sign in: The browser lets the page open no window. Ask for the token where the user clicks, or set "loginStyle" to "redirect"',
      );
    }
    wanted.setPendingStep({
      missing: "Nobody has signed in",
      nextStep: `If the window shows AADSTS50011, register "${redirectUri}" under "Single-page application"`,
    });
    try {
      while (!opened.closed) {
        const parameters = fragmentOf(opened.url());
        if (parameters.get("state") === authorization.state) {
          wanted.setPendingStep({});
          return parameters;
        }
        await settings.sleep(POLL_EVERY_IN_MS, wanted.signal);
      }
    } finally {
      opened.close();
    }
    throw new AuthenticationError("Cannot sign in: The user has closed the window");
  }
}

/** Returns the authorization request whose response the URL of the page holds; `undefined` if it holds none. */
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
