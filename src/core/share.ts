import type { TokenSet } from "../token_cache.ts";
import { withTimeout } from "./timeout.ts";
import { isNoResponse, timeoutError } from "./failures.ts";
import { keepAlive } from "./keep_alive.ts";
import { createLruCache } from "./lru_cache.ts";
import { identityOf } from "./cache_key.ts";
import type { Settings } from "./settings.ts";
import { type Flight, startFlight } from "./single_flight.ts";

/** A token request that concurrent callers share. */
export interface FlightSpec {
  /** Cache key of the token. */
  readonly key: string;
  /** Distinguishes requests with the same cache key that must not be shared. */
  readonly variant: readonly unknown[];
  /** Sends the request, within a time limit in milliseconds. */
  run(flight: Flight<TokenSet>, timeoutInMs: number): Promise<TokenSet>;
}

// Process-wide, so that equal credentials share a request, whichever instance sent it.
const flights = new Map<string, Flight<TokenSet>>();
/** Sequence number of the latest request that replaced the token of a cache key because of claims. */
const replacements = /* @__PURE__ */ createLruCache<number>();

/**
 * Joins the equal request that is in flight, or starts one. The signal of a caller detaches that caller alone; the
 * request is aborted when the last caller is detached.
 */
export async function share(spec: FlightSpec, caller: AbortSignal | undefined, settings: Settings): Promise<TokenSet> {
  const { cache, timeoutInMs, backgroundWork, now } = settings;
  if (caller?.aborted) throw caller.reason;
  if (cache === false) return await start(undefined, timeoutInMs);
  const flightKey = JSON.stringify([spec.key, spec.variant, cache && identityOf(cache), requestOptionsOf(settings)]);
  const flight = flights.get(flightKey);
  if (!flight || isSuperseded(flight)) return await start(flightKey, timeoutInMs);
  const joinedOn = now();
  flight.join(caller);
  if (backgroundWork === "free") return await flight.result;
  try {
    return await untilDeadline(flight);
  } catch (error) {
    if (backgroundWork !== "perRequest") {
      // Later callers must not wait for it again.
      if (now() >= flight.startedOnTimestamp + timeoutInMs) removeFlight(flightKey, flight);
      throw error;
    }
    // The incoming request that started the flight may have ended, and the flight with it: retry once, in the time that
    // is left.
    const left = joinedOn + timeoutInMs - now();
    if (caller?.aborted || left <= 0 || !isNoResponse(error)) throw error;
    removeFlight(flightKey, flight);
    const other = flights.get(flightKey);
    if (!other || isSuperseded(other)) return await start(flightKey, left);
    other.join(caller);
    return await untilDeadline(other);
  }

  function start(flightKey: string | undefined, timeoutInMs: number): Promise<TokenSet> {
    const remove = () => void (flightKey !== undefined && removeFlight(flightKey, flight));
    const flight: Flight<TokenSet> = startFlight((flight) => spec.run(flight, timeoutInMs), {
      key: spec.key,
      now: now(),
      onAbandoned: remove,
    });
    flight.join(caller);
    flight.result.then(remove, remove);
    const isKeptAlive = keepAlive(flight.result, settings);
    if (flightKey !== undefined && (isKeptAlive || backgroundWork !== "perRequest")) flights.set(flightKey, flight);
    return flight.result;
  }

  /** Waits with its own timer, without which workerd would consider the incoming request hung. */
  function untilDeadline(flight: Flight<TokenSet>): Promise<TokenSet> {
    const ms = Math.max(0, flight.startedOnTimestamp + timeoutInMs - now());
    return withTimeout(() => flight.result, {
      sleep: settings.sleep,
      ms,
      onTimeout: () => timeoutError(timeoutInMs, flight.pendingStep),
    });
  }
}

/**
 * Returns the options that decide how a request is made, so that a caller never gets the failure of a request with
 * other options.
 */
function requestOptionsOf(settings: Settings): readonly (number | boolean)[] {
  const { allowInsecureLoopback, disableInstanceDiscovery } = settings;
  const { maxRetries, maxRetryDelayInMs, retryDelayInMs, timeoutInMs } = settings;
  return [allowInsecureLoopback, disableInstanceDiscovery, maxRetries, maxRetryDelayInMs, retryDelayInMs, timeoutInMs];
}

/**
 * Marks older requests for the same cache key as superseded by this one: they are not joined, and their tokens are not
 * cached.
 */
export function supersedeOlder({ key, sequence }: Flight<TokenSet>): void {
  replacements.set(key, Math.max(sequence, replacements.get(key) ?? 0));
}

/** Whether a newer request has replaced the token of the cache key. */
export function isSuperseded({ key, sequence }: Flight<TokenSet>): boolean {
  return sequence < (replacements.get(key) ?? 0);
}

/** Removes the flight, so that no caller joins it any more, unless another flight has replaced it. */
function removeFlight(flightKey: string, flight: Flight<TokenSet>): void {
  if (flights.get(flightKey) === flight) flights.delete(flightKey);
}
