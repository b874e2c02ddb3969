/**
 * Microsoft Entra and Microsoft Graph from a web app's point of view: users sign in, an authorization code can be
 * redeemed once by its app, and `/me` returns the user of a token. It is one function, so that it can replace the
 * network on every runtime.
 *
 * @module
 */
import type { CredentialOptions } from "@azweb/identity";
import { createService, jsonAnswer, type Service } from "../service.ts";

export const TENANT = "11111111-2222-3333-4444-555555555555";
export const CLIENT = "99999999-8888-7777-6666-555555555555";
export const SECRET = "a-secret-of-the-app";
export const GRAPH_SCOPE = "https://graph.microsoft.com/User.Read";
export const ME = "https://graph.microsoft.com/v1.0/me";

/** The parameters of an authorization request, for the redemption of its code. */
interface Granted {
  readonly asked: Readonly<Record<string, string>>;
  readonly username: string;
}

/** The service and its sign-in. */
export interface SignInService extends Service {
  /** The options with which a credential uses the service. */
  readonly options: CredentialOptions;
  /** Signs a user in at the authorization endpoint. Returns the URL to which the browser is redirected. */
  signIn(location: string, username: string): Promise<string>;
  /** The parameters of the last authorization request. */
  readonly lastAsked: Readonly<Record<string, string>>;
  /** Number of accepted refresh tokens. */
  readonly refreshes: number;
}

/** The deviations of the service from a regular one. */
export interface SignInServiceOptions {
  /** Changes the claims of ID tokens. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The `iss` parameter of the authorization response (RFC 9207). */
  readonly issuer?: string;
  /** Returns whether the client authentication of the app is valid. */
  readonly checkApp?: (form: Readonly<Record<string, string>>) => boolean;
  /** Whether the service rejects refresh tokens. */
  readonly refusesRefresh?: boolean;
  readonly now?: () => number;
}

/** Creates the service. */
export function createSignInService(options: SignInServiceOptions = {}): SignInService {
  const { claims = {}, checkApp = ({ client_secret }) => client_secret === SECRET, now = Date.now } = options;
  const codes = new Map<string, Granted>();
  const refreshTokens = new Map<string, Granted>();
  const accessTokens = new Map<string, string>();
  let lastAsked: Readonly<Record<string, string>> = {};
  let refreshes = 0;
  const service = createService(({ url, form, headers }) => {
    if (url === ME) {
      const username = accessTokens.get(headers.get("authorization")?.replace("Bearer ", "") ?? "");
      return username ? jsonAnswer({ userPrincipalName: username }) : jsonAnswer({}, { status: 401 });
    }
    if (!checkApp(form)) return refusal("invalid_client", 401);
    if (form.grant_type === "refresh_token") {
      refreshes++;
      const granted = refreshTokens.get(form.refresh_token!);
      return granted && !options.refusesRefresh ? answer(granted) : refusal("invalid_grant");
    }
    return redeem(form);
  });

  async function redeem(form: Readonly<Record<string, string>>): Promise<Response> {
    const granted = codes.get(form.code!);
    codes.delete(form.code!);
    if (!granted) return refusal("invalid_grant");
    const { asked } = granted;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form.code_verifier));
    const hasVerifier = base64Url(String.fromCharCode(...new Uint8Array(digest))) === asked.code_challenge;
    const isSame = form.redirect_uri === asked.redirect_uri && form.client_id === asked.client_id;
    return hasVerifier && isSame ? answer(granted) : refusal("invalid_grant");
  }

  function answer(granted: Granted): Response {
    const { username, asked } = granted;
    const [token, refreshToken] = [crypto.randomUUID(), crypto.randomUUID()];
    accessTokens.set(token, username);
    refreshTokens.set(refreshToken, granted);
    const idToken = {
      aud: CLIENT,
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      iat: Math.floor(now() / 1000),
      exp: Math.floor(now() / 1000) + 3600,
      sub: `sub-of-${username}`,
      oid: `oid-of-${username}`,
      tid: TENANT,
      preferred_username: username,
      nonce: asked.nonce,
      ...claims,
    };
    return jsonAnswer({
      token_type: "Bearer",
      expires_in: 3600,
      access_token: token,
      refresh_token: refreshToken,
      id_token: ['{"alg":"RS256"}', JSON.stringify(idToken), "none"].map(base64Url).join("."),
    });
  }

  return {
    ...service,
    options: { fetch: service.fetch, env: {}, retryOptions: { retryDelayInMs: 0 }, waitUntil() {} },
    get lastAsked() {
      return lastAsked;
    },
    get refreshes() {
      return refreshes;
    },
    // deno-lint-ignore require-await
    async signIn(location, username) {
      const { searchParams } = new URL(location);
      const asked = lastAsked = Object.fromEntries(searchParams);
      const code = crypto.randomUUID();
      codes.set(code, { asked, username });
      const back = new URL(asked.redirect_uri!);
      back.searchParams.set("code", code);
      back.searchParams.set("state", asked.state!);
      if (options.issuer !== undefined) back.searchParams.set("iss", options.issuer);
      return back.href;
    },
  };
}

function refusal(error: string, status = 400): Response {
  return jsonAnswer({ error, error_description: "AADSTS70000: No" }, { status });
}

function base64Url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
