import type { TokenSet } from "../token_cache.ts";
import { bound } from "./bound.ts";

const FIVE_MINUTES = 300_000;
const TWO_HOURS = 7_200_000;

/**
 * Whether the token can still be handed out: it counts as expired five minutes early, or halfway where it lives shorter than ten. A
 * clock that went back by more than that says nothing about a token's end any more.
 */
export function isFresh(token: TokenSet, now: number): boolean {
  return now > goodSince(token) && now < goodUntil(token);
}

/** Whether the token has not ended, though it may count as expired early. */
export function isAlive(token: TokenSet, now: number): boolean {
  return now > goodSince(token) && now < token.expiresOnTimestamp;
}

/** Whether it is time to ask for the token's successor. */
export function isDue({ refreshAfterTimestamp = Infinity }: TokenSet, now: number): boolean {
  return now >= refreshAfterTimestamp;
}

function goodSince({ acquiredOnTimestamp }: TokenSet): number {
  return acquiredOnTimestamp - FIVE_MINUTES;
}

function goodUntil({ acquiredOnTimestamp, expiresOnTimestamp }: TokenSet): number {
  return expiresEarlyOn(acquiredOnTimestamp, expiresOnTimestamp);
}

/** Returns from when on a token counts as expired: five minutes early, or after half of its life if that is less. */
export function expiresEarlyOn(acquiredOn: number, expiresOn: number): number {
  return expiresOn - Math.min(FIVE_MINUTES, (expiresOn - acquiredOn) / 2);
}

/** Reads a positive number of seconds that a `Date` can hold, which some services send as text. */
export function seconds(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,10}$/.test(bound(value)) ? Number(value) : value;
  return typeof number === "number" && number > 0 && number < 1e10 ? number : undefined;
}

/** Returns when to ask for the successor: when the service says so, else at half-life of a token that lives two hours or more. */
export function refreshTime(
  acquiredOn: number,
  expiresOn: number,
  refreshInMs: number | undefined,
): number | undefined {
  if (refreshInMs !== undefined) return acquiredOn + refreshInMs;
  const lifetime = expiresOn - acquiredOn;
  return lifetime >= TWO_HOURS ? acquiredOn + lifetime / 2 : undefined;
}
