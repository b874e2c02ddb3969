import type { AuthenticationError } from "../errors.ts";
import { createMemory } from "./memory.ts";

const REFRESH_PAUSE_IN_MS = 30_000;
const LONGEST_PAUSE_IN_MS = 3_600_000;

interface Pause {
  readonly error: unknown;
  /** When it began. It is over where the clock shows less: it went back, and nobody knows how long it would take. */
  readonly since: number;
  /** Until when no request is sent, because the service said so. */
  readonly requestsUntil: number;
  /** Until when a token that is still good is not refreshed. */
  readonly refreshesUntil: number;
}

const pauses = /* @__PURE__ */ createMemory<Pause>();

/** Remembers a failure, so that all callers wait together instead of each asking again. */
export function pauseAfter(key: string, error: unknown, now: number): void {
  const { retryAfterInMs = 0 } = error as Partial<AuthenticationError>;
  const requestsUntil = now + Math.min(retryAfterInMs, LONGEST_PAUSE_IN_MS);
  pauses.set(key, {
    error,
    since: now,
    requestsUntil,
    refreshesUntil: Math.max(requestsUntil, now + REFRESH_PAUSE_IN_MS),
  });
}

/** Forgets a failure, after a success. */
export function endPause(key: string): void {
  pauses.delete(key);
}

/** Throws the remembered failure while the service wants no request. */
export function checkPause(key: string, now: number): void {
  const pause = pauses.get(key);
  if (pause && now >= pause.since && now < pause.requestsUntil) throw pause.error;
}

/** Returns the pause in which a token that is still good is not refreshed, if there is one. */
export function refreshPause(key: string, now: number): { readonly error: unknown } | undefined {
  const pause = pauses.get(key);
  return pause && now >= pause.since && now < pause.refreshesUntil ? pause : undefined;
}
