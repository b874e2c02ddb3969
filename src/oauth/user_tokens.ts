import type { AuthorizationServer } from "oauth4webapi";
import type { TokenRequest } from "../core/create_get_token.ts";
import { withTimeout } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { AuthenticationError } from "../errors.ts";
import { type Grant, requestTokens, type TokenAnswer } from "./token_client.ts";

// People take minutes, which the time for a sign-in is for; a service does not.
const TIMEOUT_IN_MS = 60_000;

/** What a user's tokens are requested with, and where. */
type UserTokenRequest = TokenRequest & { readonly server: AuthorizationServer };

/** What a code is redeemed with. */
interface Code {
  readonly code: string;
  readonly redirectUri: string;
  /** Of PKCE (RFC 7636), where the code was asked for with a challenge. */
  readonly verifier: string | undefined;
}

/** Requests a user's tokens by a grant, within a minute. */
export function requestUserTokens(
  grant: Grant,
  request: UserTokenRequest,
  settings: Settings,
): Promise<TokenAnswer> {
  return withTimeout((signal) => requestTokens(grant, { ...request, signal }, settings), {
    sleep: settings.sleep,
    ms: TIMEOUT_IN_MS,
    onTimeout: () =>
      new AuthenticationError(
        `Cannot get a token from "${request.server.token_endpoint}": No answer within ${TIMEOUT_IN_MS} ms`,
      ),
    outer: request.signal,
  });
}

/** Redeems an authorization code (RFC 6749, section 4.1.3). */
export function redeemCode(
  app: Pick<Grant, "name" | "clientId" | "clientAuth">,
  { code, redirectUri, verifier }: Code,
  request: UserTokenRequest,
  settings: Settings,
): Promise<TokenAnswer> {
  const parameters = {
    code,
    redirect_uri: redirectUri,
    client_info: "1",
    ...verifier !== undefined && { code_verifier: verifier },
  };
  return requestUserTokens({ ...app, type: "authorization_code", parameters }, request, settings);
}
