import { AuthenticationError } from "../errors.ts";
import type { TokenSet } from "../token_cache.ts";
import { refreshTime, seconds } from "./freshness.ts";
import type { HttpResult } from "./http.ts";
import { parseObject } from "./json.ts";

/** The body of a token response. */
export type TokenBody = Readonly<Record<string, unknown>>;

/** Returns the body of a token response; `undefined` for an error response. */
export function tokenBodyOf({ status, text }: HttpResult): TokenBody | undefined {
  const body = status === 200 ? parseObject(text) : undefined;
  return body && (body.access_token !== undefined || body.error === undefined) ? body : undefined;
}

/**
 * Reads the access token of a successful response (RFC 6749, section 5.1). Throws an `AuthenticationError` if a member
 * is malformed.
 *
 * @param expiresOn When the token expires, in milliseconds since the epoch. By default `expires_in` determines it.
 * @param expiry The member that is named if the expiry is unknown.
 */
export function readTokenSet(
  body: TokenBody,
  action: string,
  sentOn: number,
  expiresOn?: number,
  expiry = "expires_in",
): TokenSet {
  const { access_token: token, token_type: type } = body;
  const expiresIn = seconds(body.expires_in);
  // Not compared with NaN, which an injected clock may return.
  const expiresOnTimestamp = expiresOn ?? (expiresIn && sentOn + expiresIn * 1000);
  const malformed = typeof token !== "string" || token === ""
    ? "access_token"
    : typeof type !== "string" || type.toLowerCase() !== "bearer"
    ? "token_type"
    : expiresOnTimestamp === undefined
    ? expiry
    : undefined;
  if (malformed) {
    throw new AuthenticationError(`${action}: The response has no usable "${malformed}"`, { statusCode: 200 });
  }
  const refreshIn = seconds(body.refresh_in);
  const refreshAfterTimestamp = refreshTime(sentOn, expiresOnTimestamp!, refreshIn && refreshIn * 1000);
  return {
    token: token as string,
    expiresOnTimestamp: expiresOnTimestamp!,
    ...refreshAfterTimestamp !== undefined && { refreshAfterTimestamp },
    tokenType: "Bearer",
    acquiredOnTimestamp: sentOn,
  };
}
