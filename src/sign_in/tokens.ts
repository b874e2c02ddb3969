import type { AuthenticationRecord } from "../authentication_record.ts";
import { withTimeout } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { readAccount, text } from "./account.ts";
import type { Authority } from "../entra/authority.ts";
import { type Grant, requestTokens, type TokenParameters } from "../entra/token_client.ts";

// The deadline of a sign-in gives the user minutes. The token endpoint has less time.
const TIMEOUT_IN_MS = 60_000;

/** Parameters of a token request for a user, and the server that it is sent to. */
export type UserTokenRequest = TokenParameters & { readonly server: Authority };

/** Tokens of a user. */
export interface UserTokens {
  readonly token: TokenSet;
  readonly refreshToken: string | undefined;
  /** The account of the ID token; `undefined` if there was none. */
  readonly account: AuthenticationRecord | undefined;
}

/** An authorization code, and the parameters of its authorization request. */
interface AuthorizationCode {
  readonly code: string;
  readonly redirectUri: string;
  /** The PKCE code verifier (RFC 7636); `undefined` if the request had no challenge. */
  readonly verifier: string | undefined;
  /** The nonce that the ID token must have; `undefined` if it is not known. */
  readonly nonce?: string;
}

/** Requests a user's tokens by a grant, within a minute, and validates the ID token. */
export function requestUserTokens(
  grant: Grant & { readonly nonce?: string | undefined },
  request: UserTokenRequest,
  settings: Settings,
): Promise<UserTokens> {
  const { clientId, nonce, type: grantType } = grant;
  const { server } = request;
  return withTimeout(async (signal) => {
    const response = await requestTokens(grant, { ...request, signal }, settings);
    const account = await readAccount(response, { clientId, grantType, server, nonce, now: settings.now() });
    return { token: response.token, refreshToken: text(response.body.refresh_token), account };
  }, {
    sleep: settings.sleep,
    ms: TIMEOUT_IN_MS,
    onTimeout: () =>
      new AuthenticationError(
        `Cannot get a token from "${server.token_endpoint}": No response within ${TIMEOUT_IN_MS} ms`,
      ),
    outer: request.signal,
  });
}

/** Redeems an authorization code (RFC 6749, section 4.1.3). */
export function redeemCode(
  app: Pick<Grant, "name" | "clientId" | "clientAuth">,
  { code, redirectUri, verifier, nonce }: AuthorizationCode,
  request: UserTokenRequest,
  settings: Settings,
): Promise<UserTokens> {
  const parameters = {
    code,
    redirect_uri: redirectUri,
    client_info: "1",
    ...verifier !== undefined && { code_verifier: verifier },
  };
  return requestUserTokens({ ...app, type: "authorization_code", parameters, nonce }, request, settings);
}
