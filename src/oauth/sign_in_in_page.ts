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
import { mergeClaims } from "./claims.ts";
import { noAuth } from "./client_auth.ts";
import type { SignIn } from "./user_session.ts";
import { redeemCode } from "./user_tokens.ts";

const LOOK_EVERY_IN_MS = 50;

/**
 * Has the user sign in in a window that the page opens, or by leaving the page and coming back. Returns `undefined` where the user was sent
 * away for something else than is wanted by now: signed in, with a refresh token for that.
 */
export async function signInInPage(
  spec: BrowserSignIn,
  wanted: SignIn,
  { page, settings }: { readonly page: Page; readonly settings: Settings },
): Promise<TokenSet | undefined> {
  const { name, clientId, redirectUri = page.url.origin, style } = spec;
  const { server } = wanted;
  if (page.isOpened) return await beClosed();
  const place = placeOf(clientId, server);
  const back = style === "redirect" ? comeBack(page, clientId, server) : undefined;
  const authorization = back ?? await createAuthorization(wanted, { ...spec, redirectUri, responseMode: "fragment" });
  const parameters = back ? fragmentOf(page.url) : await (style === "redirect" ? leave() : askInWindow());
  if (back) {
    // Good once.
    page.storage?.removeItem(place);
    page.clean();
  }
  const code = readAuthorizationCode(parameters, { server, clientId, state: authorization.state });
  const asked = new URL(authorization.url).searchParams;
  const scope = asked.get("scope") ?? "";
  // With the capability of continuous access evaluation among them.
  const claims = asked.get("claims") ?? undefined;
  const request = { ...wanted, scopes: scope.split(" "), claims, enableCae: false };
  const app = { name, clientId, clientAuth: noAuth() };
  const token = wanted.completeSignIn(await redeemCode(app, { ...authorization, code }, request, settings));
  const isWanted = scope === wanted.scopes.join(" ") && claims === mergeClaims(wanted.claims, wanted.enableCae);
  return isWanted ? token : undefined;

  /** Waits for whoever opened this window, who reads the answer in its address and closes it. */
  function beClosed(): Promise<never> {
    wanted.waitFor({
      missing: "This is the window of a sign-in, and nobody has closed it",
      nextStep: "Close it, and sign in where it was opened",
    });
    return new Promise(() => {});
  }

  async function leave(): Promise<never> {
    if (!page.storage) {
      throw new AuthenticationError(
        'Cannot sign in: The browser gives the page no session storage, which is needed to know the answer. Allow it, or set "loginStyle" to "popup"',
      );
    }
    page.storage.setItem(place, JSON.stringify(authorization));
    page.leave(authorization.url);
    // Usually the page is gone by then.
    await page.untilRestored();
    page.storage.removeItem(place);
    throw new AuthenticationError("Cannot sign in: The user came back without signing in");
  }

  async function askInWindow(): Promise<URLSearchParams> {
    const opened = page.openWindow(authorization.url);
    if (!opened) {
      throw new AuthenticationError(
        'Cannot sign in: The browser lets the page open no window. Ask for the token where the user clicks, or set "loginStyle" to "redirect"',
      );
    }
    wanted.waitFor({
      missing: "Nobody has signed in",
      nextStep: `If the window shows AADSTS50011, register "${redirectUri}" under "Single-page application"`,
    });
    try {
      while (!opened.closed) {
        const parameters = fragmentOf(opened.url());
        if (parameters.get("state") === authorization.state) {
          wanted.waitFor({});
          return parameters;
        }
        await settings.sleep(LOOK_EVERY_IN_MS, wanted.signal);
      }
    } finally {
      opened.close();
    }
    throw new AuthenticationError("Cannot sign in: The user has closed the window");
  }
}

/** Returns what the user was sent away with, if this is the page that was come back to. */
export function comeBack(page: Page, clientId: string, server: AuthorizationServer): PendingAuthorization | undefined {
  const kept = readAuthorization(page.storage?.getItem(placeOf(clientId, server)));
  return kept?.state === fragmentOf(page.url).get("state") ? kept : undefined;
}

function placeOf(clientId: string, server: AuthorizationServer): string {
  return `@azweb/identity ${clientId} ${server.token_endpoint}`;
}

function fragmentOf(url: URL | undefined): URLSearchParams {
  return new URLSearchParams(url?.hash.slice(1) ?? "");
}
