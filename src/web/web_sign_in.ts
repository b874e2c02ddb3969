/**
 * Signs users in to a web app, on the edge or on a server. The process stores no state: the state of a sign-in is in a
 * sealed cookie.
 *
 * @example
 * ```ts no-eval
 * import { createWebSignIn } from "@azweb/identity/web-sign-in";
 *
 * const webSignIn = createWebSignIn({
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
 *     if (pathname === "/sign-in") return await webSignIn.signIn(request);
 *     if (pathname !== "/signed-in") return new Response("Go to /sign-in");
 *     const { account, response } = await webSignIn.redeem(request);
 *     console.log(`Hello ${account.username}`);
 *     return response;
 *   },
 * };
 * ```
 *
 * @module
 */

import { checkClientId, checkOption } from "../core/validate.ts";
import { withTimeout } from "../core/timeout.ts";
import { nameCredential, timeoutError } from "../core/failures.ts";
import { parseObject } from "../core/json.ts";
import { requireVariables } from "../core/require_variables.ts";
import { normaliseScopes } from "../core/scopes.ts";
import { notNegative, resolveSettings } from "../core/settings.ts";
import { checkTenantId, MULTITENANT_VARIABLE } from "../core/tenants.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { AuthenticationRequiredError } from "../errors.ts";
import { partsOf } from "../certificates/certificate_configuration.ts";
import { type Authority, resolveAuthority } from "../entra/authority.ts";
import {
  createAuthorization,
  type PendingAuthorization,
  readAuthorization,
  readAuthorizationCode,
} from "../sign_in/authorization.ts";
import { createUserSession, OPENID_SCOPES, type SessionState, type SignIn } from "../sign_in/session.ts";
import { redeemCode, type UserTokens } from "../sign_in/tokens.ts";
import { isEqualInConstantTime, readAuthorizationResponse, signInError } from "./authorization_response.ts";
import { checkRedirectUri, redirect } from "./redirect.ts";
import { checkReturnPaths, isAllowedPath } from "./return_path.ts";
import { checkSealingKeys, createSeal } from "./seal.ts";
import {
  cookieNameOf,
  deleteCookie,
  readCookies,
  setCookie,
  SIGN_IN_TIME_IN_S,
  staleCookies,
} from "./sign_in_cookie.ts";
import { createWebClientAuth } from "./web_client_auth.ts";
import type {
  RedeemedSignIn,
  SignInRequestOptions,
  WebSignIn,
  WebSignInOptions,
  WebUser,
} from "./web_sign_in_options.ts";

export type { SealingKey } from "./seal.ts";
export type {
  RedeemedSignIn,
  SignInRequestOptions,
  WebSignIn,
  WebSignInOptions,
  WebUser,
  WebUserCredential,
} from "./web_sign_in_options.ts";

const NAME = "WebSignIn";
/** The names of the options that credentials do not have. */
const OPTIONS =
  "tenantId clientId clientSecret clientCertificate getAssertion sendCertificateChain redirectUri scopes " +
  "returnPaths sealingKey sessionLifetimeInMs";
const HOUR_IN_MS = 3_600_000;

/** State of a sign-in that has begun, sealed in a cookie. */
interface PendingSignIn extends PendingAuthorization {
  readonly returnPath: string;
  readonly endsOnTimestamp: number;
}

/** State of a session, sealed for the app to store. */
interface Session extends SessionState {
  readonly secret: string;
  readonly endsOnTimestamp: number;
}

/**
 * Creates the sign-in of a web app: the authorization code flow with PKCE. Validates the options and sends nothing.
 *
 * @param options See {@linkcode WebSignInOptions}.
 * @throws {TypeError} An option is missing or malformed.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export function createWebSignIn(options: WebSignInOptions): WebSignIn {
  const settings = resolveSettings(options, NAME, OPTIONS);
  const { tenantId, clientId, clientCertificate: certificate, redirectUri, returnPaths = ["/"] } = options;
  checkOption("tenantId", tenantId, checkTenantId);
  checkOption("clientId", clientId, checkClientId);
  checkRedirectUri(redirectUri);
  checkReturnPaths(returnPaths);
  const scopes = checkOption("scopes", options.scopes, normaliseScopes);
  const lifetimeInMs = notNegative("sessionLifetimeInMs", options.sessionLifetimeInMs, 8 * HOUR_IN_MS);
  const requestedScopes = [...new Set([...scopes, ...OPENID_SCOPES])];
  const clientAuth = createWebClientAuth(options, settings);
  const keys = checkSealingKeys(options.sealingKey, "sealingKey");
  const [cookieSeal, sessionSeal] = ["sign-in", "session"].map((purpose) =>
    createSeal(keys, [purpose, tenantId, clientId, redirectUri])
  ) as [ReturnType<typeof createSeal>, ReturnType<typeof createSeal>];

  async function signIn(request: Request, options: SignInRequestOptions = {}): Promise<Response> {
    const { claims, prompt, loginHint, domainHint } = options;
    const returnPath = options.returnPath ?? ownPath(request);
    if (!isAllowedPath(returnPath, returnPaths)) {
      throw new TypeError('Option "returnPath" must be one of "returnPaths"');
    }
    const authorization = await withServer(({ server }) =>
      createAuthorization(
        { server, scopes: requestedScopes, claims, enableCae: false },
        { clientId, redirectUri, responseMode: "query", prompt, loginHint, domainHint },
      )
    );
    const pending: PendingSignIn = {
      ...authorization,
      // Omitted, because the URL is long and not used again.
      url: "-",
      returnPath,
      endsOnTimestamp: settings.now() + SIGN_IN_TIME_IN_S * 1000,
    };
    const cookie = setCookie(cookieNameOf(authorization.state), await cookieSeal.seal(JSON.stringify(pending)));
    return redirect(authorization.url, [...staleCookies(request).map(deleteCookie), cookie]);
  }

  /** Runs work that needs the authority, within the time limit of the options. */
  async function withServer<T>(
    work: (context: { readonly server: Authority; readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { authorityHost, sleep, timeoutInMs: ms } = settings;
    // `MULTITENANT_VARIABLE` is for the session. A missing permission must be reported before the code is used, which
    // can be redeemed only once.
    requireVariables(
      [...authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [], MULTITENANT_VARIABLE],
      settings,
      { services: ["entra"], files: certificate === undefined ? [] : [partsOf(certificate).certificatePath] },
    );
    return await withTimeout(
      async (signal) => await work({ server: await resolveAuthority(NAME, { tenantId, signal }, settings), signal }),
      { sleep, ms, onTimeout: () => timeoutError(ms) },
    );
  }

  /** Returns the path and query of the request if users may return there, else the first of `returnPaths`. */
  function ownPath({ method, url }: Request): string {
    const { pathname, search } = new URL(url);
    return method === "GET" && isAllowedPath(pathname + search, returnPaths) ? pathname + search : returnPaths[0]!;
  }

  async function redeem(request: Request): Promise<RedeemedSignIn> {
    const parameters = readAuthorizationResponse(request);
    const pending = await readPendingSignIn(request, parameters.get("state")!);
    const { token, account, refreshToken } = await redeemResponse(parameters, pending);
    // JSON cannot represent infinity.
    const endsOnTimestamp = Math.min(settings.now() + lifetimeInMs, Number.MAX_VALUE);
    const { seed, user } = openSession({ account, refreshToken, secret: crypto.randomUUID(), endsOnTimestamp });
    await seed(scopes, token);
    const { returnPath, state } = pending;
    const response = redirect(new URL(returnPath, redirectUri).href, [deleteCookie(cookieNameOf(state))]);
    return { ...user(), response };
  }

  /** Exchanges the code of an authorization response for tokens. */
  async function redeemResponse(parameters: URLSearchParams, pending: PendingSignIn): Promise<UserTokens> {
    const startedOn = settings.now();
    try {
      return await withServer(({ server, signal }) => {
        const code = readAuthorizationCode(parameters, { server, clientId, state: pending.state });
        const request = { scopes: requestedScopes, claims: undefined, enableCae: false, server, signal };
        return redeemCode({ name: NAME, clientId, clientAuth }, { ...pending, code, redirectUri }, request, settings);
      });
    } catch (error) {
      nameCredential(error, NAME);
      settings.log({
        event: "token-failed",
        credential: NAME,
        scopes,
        tenantId,
        message: messageOf(error),
        elapsedInMs: settings.now() - startedOn,
      });
      throw error;
    }
  }

  /** Returns the content of the cookie of the sign-in with that `state`. */
  async function readPendingSignIn(request: Request, state: string): Promise<PendingSignIn> {
    const cookies = readCookies(request, cookieNameOf(state));
    if (cookies.length === 0) {
      throw signInError(
        "The browser has no cookie of this sign-in: It began in another browser or at another host, has ended, or cookies are disabled",
      );
    }
    const text = cookies.length === 1 ? await cookieSeal.open(cookies[0]!) : undefined;
    const authorization = readAuthorization(text);
    if (!authorization) throw signInError("The cookie was not sealed by this app");
    const { returnPath, endsOnTimestamp } = parseObject(text!) as unknown as PendingSignIn;
    if (!isEqualInConstantTime(authorization.state, state)) {
      throw signInError("The response belongs to another sign-in");
    }
    if (settings.now() >= endsOnTimestamp) {
      throw signInError(`The sign-in took longer than ${SIGN_IN_TIME_IN_S / 60} minutes`);
    }
    // The app's configuration may have changed since the sign-in began.
    if (!isAllowedPath(returnPath, returnPaths)) throw signInError("The return path is no longer allowed");
    return { ...authorization, returnPath, endsOnTimestamp };
  }

  async function resume(session: string): Promise<WebUser> {
    const stored = parseObject(await sessionSeal.open(String(session)) ?? "") as unknown as Session | undefined;
    if (stored && settings.now() < stored.endsOnTimestamp) return openSession(stored).user();
    throw signInRequired(stored ? "The session has expired" : "The session was not sealed by this app");
  }

  function openSession({ secret, endsOnTimestamp, account, refreshToken }: Session) {
    const { getToken, seed, snapshot } = createUserSession({
      account,
      refreshToken,
      secret,
      name: NAME,
      clientId,
      clientAuth,
      tenantId,
      manyTenants: "common",
      disableAutomaticAuthentication: false,
      signIn(request, cause) {
        throw signInRequired("The session can no longer get tokens", request, cause);
      },
    }, settings);
    return {
      seed,
      user: (): WebUser => ({
        account: snapshot().account!,
        credential: { getToken },
        sealSession: () => sessionSeal.seal(JSON.stringify({ ...snapshot(), secret, endsOnTimestamp })),
      }),
    };
  }

  function signInRequired(reason: string, request?: SignIn, cause?: unknown): AuthenticationRequiredError {
    return new AuthenticationRequiredError({
      scopes: request?.scopes.filter((scope) => !OPENID_SCOPES.includes(scope)) ?? scopes,
      ...request?.claims !== undefined && { getTokenOptions: { claims: request.claims } },
      message: `${NAME}: A user has to sign in: ${reason}. Respond to the browser with "signIn"`,
      cause,
    });
  }

  return {
    signIn: (request, options) => withName(signIn(request, options)),
    redeem: (request) => withName(redeem(request)),
    resume,
  };
}

/** Adds the name to the message of an error of this library. */
async function withName<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    nameCredential(error, NAME);
    throw error;
  }
}
