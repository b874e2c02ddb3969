import type { TokenSet } from "../token_cache.ts";
import { bound } from "./bound.ts";

const HALF_A_SECOND = 500;
const FIVE_MINUTES = 300_000;
const TWO_HOURS = 7_200_000;

/**
 * Whether the token can be returned without a refresh. It counts as expired five minutes early, or after half of a
 * lifetime of less than ten minutes. It is also unusable if the clock was set back by more than five minutes, because
 * its expiry is then unknown.
 */
export function isFresh(token: TokenSet, now: number): boolean {
  return now > validFrom(token) && now < expiresEarlyAt(token);
}

/**
 * Whether the token can be returned if there is no newer one, although it may already count as expired. In its last
 * half second it cannot, because it could expire before the caller receives it.
 */
export function isAlive(token: TokenSet, now: number): boolean {
  return isFresh(token, now) || now > validFrom(token) && now < token.expiresOnTimestamp - HALF_A_SECOND;
}

/** Whether the token should be refreshed. */
export function shouldRefresh({ refreshAfterTimestamp = Infinity }: TokenSet, now: number): boolean {
  return now >= refreshAfterTimestamp;
}

function validFrom({ acquiredOnTimestamp }: TokenSet): number {
  return acquiredOnTimestamp - FIVE_MINUTES;
}

function expiresEarlyAt({ acquiredOnTimestamp, expiresOnTimestamp }: TokenSet): number {
  return expiresEarlyOn(acquiredOnTimestamp, expiresOnTimestamp);
}

/** Returns when a token counts as expired: five minutes early, or after half of its lifetime if that is later. */
export function expiresEarlyOn(acquiredOn: number, expiresOn: number): number {
  return expiresOn - Math.min(FIVE_MINUTES, (expiresOn - acquiredOn) / 2);
}

/** Parses a positive number of seconds that a `Date` can hold; some services send it as a string. */
export function seconds(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,10}$/.test(bound(value)) ? Number(value) : value;
  return typeof number === "number" && number > 0 && number < 1e10 ? number : undefined;
}

/** Returns the refresh time of a token: the one of the service, else half of a lifetime of two hours or more. */
export function refreshTime(
  acquiredOn: number,
  expiresOn: number,
  refreshInMs: number | undefined,
): number | undefined {
  if (refreshInMs !== undefined) return acquiredOn + refreshInMs;
  const lifetime = expiresOn - acquiredOn;
  return lifetime >= TWO_HOURS ? acquiredOn + lifetime / 2 : undefined;
}
