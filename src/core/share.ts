import type { TokenSet } from "../token_cache.ts";
import { withTimeout } from "./timeout.ts";
import { isLost, late } from "./failures.ts";
import { keepAlive } from "./keep_alive.ts";
import { createMemory } from "./memory.ts";
import { identityOf } from "./partition.ts";
import type { Settings } from "./settings.ts";
import { type Flight, startFlight } from "./single_flight.ts";

/** Work that callers who ask for the same share. */
export interface Work {
  /** What the token is remembered by. */
  readonly key: string;
  /** What sets this work apart from other work for the same key. */
  readonly variant: readonly unknown[];
  /** Does it, within a time in milliseconds. */
  run(flight: Flight<TokenSet>, timeoutInMs: number): Promise<TokenSet>;
}

// Shared by the process: equal credentials wait for one request, whichever instance sent it.
const flights = new Map<string, Flight<TokenSet>>();
/** Sequence number of the latest request that replaced the token of a cache key because of claims. */
const replacements = createMemory<number>();

/** Waits for the equal work that is under way, or starts it. A caller leaves when its signal fires; the last one ends the work. */
export async function share(work: Work, caller: AbortSignal | undefined, settings: Settings): Promise<TokenSet> {
  const { cache, timeoutInMs, isolated, livesOn, now } = settings;
  if (caller?.aborted) throw caller.reason;
  if (cache === false) return await start(undefined, timeoutInMs);
  const place = JSON.stringify([work.key, work.variant, cache && identityOf(cache), requestOptionsOf(settings)]);
  const flight = flights.get(place);
  if (!flight || isSuperseded(flight)) return await start(place, timeoutInMs);
  const joinedOn = now();
  flight.join(caller);
  if (livesOn) return await flight.result;
  try {
    return await untilDeadline(flight);
  } catch (error) {
    if (!isolated) {
      // Whoever comes next must not wait for it again.
      if (now() >= flight.startedOnTimestamp + timeoutInMs) forget(place, flight);
      throw error;
    }
    // The request that began it may be gone, and its work with it: once more, by ourselves, in the time that is left.
    const left = joinedOn + timeoutInMs - now();
    if (caller?.aborted || left <= 0 || !isLost(error)) throw error;
    forget(place, flight);
    const other = flights.get(place);
    return other ? await untilDeadline(other) : await start(place, left);
  }

  function start(place: string | undefined, timeoutInMs: number): Promise<TokenSet> {
    const land = () => void (place !== undefined && forget(place, flight));
    const flight: Flight<TokenSet> = startFlight((flight) => work.run(flight, timeoutInMs), {
      key: work.key,
      now: now(),
      left: land,
    });
    flight.join(caller);
    flight.result.then(land, land);
    const kept = keepAlive(flight.result, settings);
    if (place !== undefined && (kept || !isolated)) flights.set(place, flight);
    return flight.result;
  }

  /** A timer of this one's own also tells workerd that it has not come to a stop. */
  function untilDeadline(flight: Flight<TokenSet>): Promise<TokenSet> {
    const ms = Math.max(0, flight.startedOnTimestamp + timeoutInMs - now());
    return withTimeout(() => flight.result, {
      sleep: settings.sleep,
      ms,
      onTimeout: () => late(timeoutInMs, flight.awaited),
    });
  }
}

/** Returns the options that decide how a request is made, so that a caller never gets the failure of a request with other options. */
function requestOptionsOf(settings: Settings): readonly (number | boolean)[] {
  const { allowInsecureLoopback, disableInstanceDiscovery } = settings;
  const { maxRetries, maxRetryDelayInMs, retryDelayInMs, timeoutInMs } = settings;
  return [allowInsecureLoopback, disableInstanceDiscovery, maxRetries, maxRetryDelayInMs, retryDelayInMs, timeoutInMs];
}

/** Marks older requests for the same cache key as superseded by this one: they are not joined, and their tokens are not cached. */
export function supersedeOlder({ key, sequence }: Flight<TokenSet>): void {
  replacements.set(key, Math.max(sequence, replacements.get(key) ?? 0));
}

/** Whether a newer request has replaced the token of the cache key. */
export function isSuperseded({ key, sequence }: Flight<TokenSet>): boolean {
  return sequence < (replacements.get(key) ?? 0);
}

/** Lets nobody join any more, unless other work has taken the place. */
function forget(place: string, flight: Flight<TokenSet>): void {
  if (flights.get(place) === flight) flights.delete(place);
}
