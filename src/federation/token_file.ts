import type { ClientAuth } from "oauth4webapi";
import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { AuthenticationError } from "../errors.ts";
import { setAssertion } from "../entra/client_auth.ts";
import { type NamedFile, unusable } from "../entra/named_file.ts";

const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;
const MOST_CHARACTERS = 65_536;
// As much as Microsoft Entra tolerates.
const CLOCK_SKEW_IN_MS = 300_000;

/** Returns the authentication by an assertion that is there already. */
export function federatedTokenAuth(getAssertion: () => Promise<string>): ClientAuth {
  return async (_server, client, body) => setAssertion(body, client.client_id, await getAssertion());
}

/**
 * Returns the claims of the token that was read from the file, unverified. Throws {@linkcode unusable} where it cannot be a token, an
 * `AuthenticationError` where it is none.
 */
export function claimsOf(token: string, file: NamedFile): Record<string, unknown> {
  if (token === "") throw unusable("Cannot use", file, "It is empty");
  if (token.length > MOST_CHARACTERS) {
    throw unusable("Cannot use", file, `It is longer than ${MOST_CHARACTERS} characters, which no token is`);
  }
  const claims = parseObject(decode(JWT.exec(token)?.[1] ?? ""));
  if (claims) return claims;
  throw new AuthenticationError(
    `Cannot use ${file.label}, "${file.path}": It must hold one line, a JWT, and nothing else`,
  );
}

/** Throws an `AuthenticationError` where the token that was read from the file has expired. */
export function checkExpiry(token: string, file: NamedFile, now: number): void {
  const expiresIn = seconds(claimsOf(token, file).exp);
  if (expiresIn === undefined || expiresIn * 1000 > now - CLOCK_SKEW_IN_MS) return;
  throw new AuthenticationError(
    `Cannot use ${file.label}, "${file.path}": Its token expired at ${new Date(expiresIn * 1000).toISOString()}. ` +
      "Find out why nothing renews the file any more, and check the clock of this machine",
  );
}

function decode(base64Url: string): string {
  try {
    return atob(base64Url.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}
