import { seconds } from "../core/freshness.ts";
import { CLOCK_SKEW_IN_MS, decodeJwt, MAX_JWT_LENGTH } from "../core/jwt.ts";
import { AuthenticationError } from "../errors.ts";
import { type AbortableClientAuth, setAssertion, withAdvice } from "../entra/client_auth.ts";
import { type NamedFile, unusable } from "../entra/named_file.ts";

/** Returns the client authentication by a federated token (RFC 7523, section 2.2). */
export function federatedTokenAuth(getAssertion: () => Promise<string>): AbortableClientAuth {
  return withAdvice(async (_server, client, body) => setAssertion(body, client.client_id, await getAssertion()));
}

/**
 * Returns the claims of the token in the file, without verification. Throws an `AuthenticationError` if it is not a
 * JWT.
 */
export function claimsOf(token: string, file: NamedFile): Record<string, unknown> {
  if (token === "") throw unusable("Cannot use", file, "It is empty");
  if (token.length > MAX_JWT_LENGTH) {
    throw unusable("Cannot use", file, `It is longer than ${MAX_JWT_LENGTH} characters, the maximum of a token`);
  }
  const claims = decodeJwt(token)?.claims;
  if (claims) return claims;
  throw new AuthenticationError(
    `Cannot use ${file.label}, "${file.path}": It must contain exactly one JWT on one line`,
  );
}

/** Throws an `AuthenticationError` if the token in the file has expired. */
export function checkExpiry(token: string, file: NamedFile, now: number): void {
  const expiresOn = seconds(claimsOf(token, file).exp);
  if (expiresOn === undefined || expiresOn * 1000 > now - CLOCK_SKEW_IN_MS) return;
  throw new AuthenticationError(
    `Cannot use ${file.label}, "${file.path}": Its token expired ${Math.floor((now - expiresOn * 1000) / 60_000)} ` +
      `minutes ago, at ${new Date(expiresOn * 1000).toISOString()}. Check why the file is not renewed any more (in ` +
      "AKS, the kubelet renews it), and check the clock of this machine",
  );
}
