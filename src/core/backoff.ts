import type { AuthenticationError } from "../errors.ts";
import { createLruCache } from "./lru_cache.ts";

const REFRESH_PAUSE_IN_MS = 30_000;
const MAX_PAUSE_IN_MS = 3_600_000;

/** A pause of the requests for a cache key after a failure. Times are in milliseconds since the epoch. */
interface Pause {
  readonly error: unknown;
  /** When the pause began. It also ends if the clock shows an earlier time, because its remainder is then unknown. */
  readonly since: number;
  /** When requests may be sent again, as the service requests. */
  readonly requestsUntil: number;
  /** When a token that is still valid may be refreshed again. */
  readonly refreshesUntil: number;
}

const pauses = /* @__PURE__ */ createLruCache<Pause>();

/** Starts a pause after a failure, during which no caller sends another request. */
export function pauseAfter(key: string, error: unknown, now: number): void {
  const { retryAfterInMs = 0 } = error as Partial<AuthenticationError>;
  const requestsUntil = now + Math.min(retryAfterInMs, MAX_PAUSE_IN_MS);
  pauses.set(key, {
    error,
    since: now,
    requestsUntil,
    refreshesUntil: Math.max(requestsUntil, now + REFRESH_PAUSE_IN_MS),
  });
}

/** Ends the pause, after a success. */
export function endPause(key: string): void {
  pauses.delete(key);
}

/** Throws the error of the pause while the service accepts no request. */
export function checkPause(key: string, now: number): void {
  const pause = pauses.get(key);
  if (pause && now >= pause.since && now < pause.requestsUntil) throw pause.error;
}

/** Returns the pause during which a token that is still valid is not refreshed, if there is one. */
export function refreshPause(key: string, now: number): { readonly error: unknown } | undefined {
  const pause = pauses.get(key);
  return pause && now >= pause.since && now < pause.refreshesUntil ? pause : undefined;
}
