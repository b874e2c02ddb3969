/**
 * People sign in to a web app, on the edge or on a server. Nothing is kept in the process: what a sign-in needs travels in a sealed cookie.
 *
 * @example
 * ```ts no-eval
 * import { createWebSignIn } from "@azweb/identity/web-sign-in";
 *
 * const signIn = createWebSignIn({
 *   tenantId: "my-tenant-id",
 *   clientId: "my-client-id",
 *   clientSecret: "my-secret",
 *   redirectUri: "https://my.app/signed-in",
 *   scopes: "https://graph.microsoft.com/User.Read",
 *   sealingKey: "32 bytes in base64",
 * });
 *
 * export default {
 *   async fetch(request: Request): Promise<Response> {
 *     const { pathname } = new URL(request.url);
 *     if (pathname === "/sign-in") return await signIn.onAuthorizeUrl(request);
 *     if (pathname !== "/signed-in") return new Response("Go to /sign-in");
 *     const { account, response } = await signIn.redeem(request);
 *     console.log(`Hello ${account.username}`);
 *     return response;
 *   },
 * };
 * ```
 *
 * @module
 */

import { checkOption } from "../core/check_option.ts";
import { checkClientId } from "../core/check_text.ts";
import type { TokenRequest } from "../core/create_get_token.ts";
import { withDeadline } from "../core/deadline.ts";
import { late, nameCredential } from "../core/failures.ts";
import { parseObject } from "../core/json.ts";
import { normaliseScopes } from "../core/scopes.ts";
import { notNegative, resolveSettings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationRequiredError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { resolveAuthority } from "../oauth/authority.ts";
import {
  createAuthorization,
  type PendingAuthorization,
  readAuthorization,
  readAuthorizationCode,
} from "../oauth/authorization.ts";
import { createUserSession, type KeptSignIn, OPENID_SCOPES, type SignIn } from "../oauth/user_session.ts";
import { redeemCode } from "../oauth/user_tokens.ts";
import { checkRedirectUri, redirect } from "./redirect.ts";
import { checkReturnPaths, isAllowedPath } from "./return_path.ts";
import { checkSealingKeys, createSeal } from "./seal.ts";
import { isEqual, parametersOf, refused } from "./sign_in_answer.ts";
import {
  cookieNameOf,
  deleteCookie,
  readCookies,
  setCookie,
  SIGN_IN_TIME_IN_S,
  superfluousCookies,
} from "./sign_in_cookie.ts";
import { createWebClientAuth } from "./web_client_auth.ts";
import type { RedeemedSignIn, WebSignIn, WebSignInOptions, WebSignInWish, WebUser } from "./web_sign_in_options.ts";

export type { SealingKey } from "./seal.ts";
export type {
  RedeemedSignIn,
  WebSignIn,
  WebSignInOptions,
  WebSignInWish,
  WebUser,
  WebUserCredential,
} from "./web_sign_in_options.ts";

const NAME = "WebSignIn";
const HOURS_IN_MS = 3_600_000;

/** What is kept in the browser while its user signs in. */
interface Begun extends PendingAuthorization {
  readonly returnPath: string;
  readonly endsOnTimestamp: number;
}

/** What is kept of a user who has signed in. */
interface Session extends KeptSignIn {
  readonly secret: string;
  readonly endsOnTimestamp: number;
}

/**
 * Returns the round trip by which people sign in to a web app: the authorization code flow with PKCE. Checks the options; sends nothing.
 *
 * @param options See {@linkcode WebSignInOptions}.
 * @throws {TypeError} An option is missing or malformed.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export function createWebSignIn(options: WebSignInOptions): WebSignIn {
  const settings = resolveSettings(options);
  const { tenantId, clientId, redirectUri, returnPaths = ["/"] } = options;
  checkOption("tenantId", tenantId, checkTenantId);
  checkOption("clientId", clientId, checkClientId);
  checkRedirectUri(redirectUri);
  checkReturnPaths(returnPaths);
  const scopes = checkOption("scopes", options.scopes, normaliseScopes);
  const lifetimeInMs = notNegative("sessionLifetimeInMs", options.sessionLifetimeInMs, 8 * HOURS_IN_MS);
  const clientAuth = createWebClientAuth(options, settings);
  const keys = checkSealingKeys(options.sealingKey, "sealingKey");
  const [cookieSeal, sessionSeal] = ["sign-in", "session"].map((purpose) =>
    createSeal(keys, [purpose, tenantId, clientId, redirectUri])
  ) as [ReturnType<typeof createSeal>, ReturnType<typeof createSeal>];

  async function onAuthorizeUrl(request: Request, wish: WebSignInWish = {}): Promise<Response> {
    const { claims, prompt, loginHint, domainHint } = wish;
    const returnPath = wish.returnPath ?? ownPath(request);
    if (!isAllowedPath(returnPath, returnPaths)) {
      throw new TypeError('Option "returnPath" must be one of "returnPaths"');
    }
    const asked = [...new Set([...scopes, ...OPENID_SCOPES])];
    const { sleep, timeoutInMs: ms } = settings;
    const authorization = await withDeadline(async (signal) => {
      const wanted: TokenRequest = {
        scopes: asked,
        tenantId,
        claims,
        enableCae: false,
        rejected: undefined,
        isEarly: false,
        chain: undefined,
        forget() {},
        waitFor() {},
        signal,
      };
      const server = await resolveAuthority(NAME, wanted, settings);
      const spec = { clientId, redirectUri, responseMode: "query", prompt, loginHint, domainHint } as const;
      return await createAuthorization({ ...wanted, server }, spec);
    }, { sleep, ms, late: () => late(ms) });
    const { state } = authorization;
    const begun: Begun = {
      ...authorization,
      // Long, and not needed again.
      url: "-",
      returnPath,
      endsOnTimestamp: settings.now() + SIGN_IN_TIME_IN_S * 1000,
    };
    const cookie = setCookie(cookieNameOf(state), await cookieSeal.seal(JSON.stringify(begun)));
    return redirect(authorization.url, [...superfluousCookies(request).map(deleteCookie), cookie]);
  }

  /** Where the request itself leads, if users may come back there. */
  function ownPath({ method, url }: Request): string {
    const { pathname, search } = new URL(url);
    return method === "GET" && isAllowedPath(pathname + search, returnPaths) ? pathname + search : returnPaths[0]!;
  }

  async function redeem(request: Request): Promise<RedeemedSignIn> {
    const parameters = parametersOf(request);
    const begun = await readBegun(request, parameters.get("state")!);
    const session = { account: undefined, refreshToken: undefined, secret: crypto.randomUUID() };
    // JSON has no infinity.
    const endsOnTimestamp = Math.min(settings.now() + lifetimeInMs, Number.MAX_VALUE);
    const { getToken, user } = openSession({ ...session, endsOnTimestamp }, async (wanted) => {
      const code = readAuthorizationCode(parameters, { server: wanted.server, clientId, state: begun.state });
      const app = { name: NAME, clientId, clientAuth };
      const answer = await redeemCode(app, { ...begun, code, redirectUri }, wanted, settings);
      return wanted.accept({ answer, nonce: begun.nonce });
    });
    await getToken(scopes);
    const response = redirect(new URL(begun.returnPath, redirectUri).href, [deleteCookie(cookieNameOf(begun.state))]);
    return { ...user(), response };
  }

  /** Returns what was kept in the browser when the sign-in with that state began. */
  async function readBegun(request: Request, state: string): Promise<Begun> {
    const cookies = readCookies(request, cookieNameOf(state));
    if (cookies.length === 0) {
      throw refused(
        "The browser has no cookie of this sign-in: It began in another browser or at another host, is over, or cookies are off",
      );
    }
    const text = cookies.length === 1 ? await cookieSeal.open(cookies[0]!) : undefined;
    const authorization = readAuthorization(text);
    if (!authorization) throw refused("The cookie is not as this app has made it");
    const { returnPath, endsOnTimestamp } = parseObject(text!) as unknown as Begun;
    if (!isEqual(authorization.state, state)) throw refused("The answer is of another sign-in");
    if (settings.now() >= endsOnTimestamp) throw refused(`It took longer than ${SIGN_IN_TIME_IN_S / 60} minutes`);
    // The list may be another one by now.
    if (!isAllowedPath(returnPath, returnPaths)) throw refused("Nobody may come back to where it began");
    return { ...authorization, returnPath, endsOnTimestamp };
  }

  async function resume(session: string): Promise<WebUser> {
    const kept = parseObject(await sessionSeal.open(String(session)) ?? "") as unknown as Session | undefined;
    if (kept && settings.now() < kept.endsOnTimestamp) return openSession(kept).user();
    throw signInRequired(kept ? "The session is over" : "The session is not as this app has made it");
  }

  function openSession(
    { secret, endsOnTimestamp, ...kept }: Session,
    redeemCode?: (wanted: SignIn) => Promise<TokenSet>,
  ) {
    let signIn = redeemCode;
    const { getToken, keep } = createUserSession({
      ...kept,
      secret,
      name: NAME,
      clientId,
      clientAuth,
      tenantId,
      manyTenants: "common",
      disableAutomaticAuthentication: false,
      async signIn(wanted, cause) {
        const once = signIn;
        signIn = undefined;
        if (once) return await once(wanted);
        throw signInRequired("The session gives no more tokens", wanted, cause);
      },
    }, settings);
    return {
      getToken,
      user: (): WebUser => ({
        account: keep().account!,
        credential: { getToken },
        sealSession: () => sessionSeal.seal(JSON.stringify({ ...keep(), secret, endsOnTimestamp })),
      }),
    };
  }

  function signInRequired(reason: string, wanted?: SignIn, cause?: unknown): AuthenticationRequiredError {
    return new AuthenticationRequiredError({
      scopes: wanted?.scopes.filter((scope) => !OPENID_SCOPES.includes(scope)) ?? scopes,
      ...wanted?.claims !== undefined && { getTokenOptions: { claims: wanted.claims } },
      message: `${NAME}: A user has to sign in: ${reason}. Answer the browser with "onAuthorizeUrl"`,
      cause,
    });
  }

  return {
    onAuthorizeUrl: (request, wish) => named(onAuthorizeUrl(request, wish)),
    redeem: (request) => named(redeem(request)),
    resume,
  };
}

/** Puts the name before the message of an error of ours. */
async function named<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    nameCredential(error, NAME);
    throw error;
  }
}
