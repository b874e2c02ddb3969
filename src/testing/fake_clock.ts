import { digest } from "../core/encoding.ts";

/**
 * A clock that stands still until it is advanced. Pass it as the option `runtime` of a credential: it has the two
 * members with which credentials read the time and wait. Its functions do not use `this`. `advance` also works while a
 * test runner has replaced the timers by fake ones, if this module was imported before that.
 */
export interface FakeClock {
  /** Returns the time, in milliseconds since the epoch. */
  now(): number;
  /**
   * Waits for the given time on this clock.
   *
   * @param ms Time in milliseconds. Resolves at once if it is not positive.
   * @param signal Rejects the promise with its reason as soon as it fires.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Advances the clock. Wakes the sleepers in order, each at its time. Before and after each of them, runs a few turns
   * of the event loop, so that started work continues to its next delay. Work that takes longer, such as signing, may
   * still be running at the end: await its result, or `untilSleeping`.
   *
   * @param ms Time in milliseconds.
   * @throws {RangeError} The time is negative or not a number.
   */
  advance(ms: number): Promise<void>;
  /**
   * Sets the time, forward or back, as the correction of a wall clock does. Sleepers are not woken, and sleep as long
   * as before.
   *
   * @param time Milliseconds since the epoch.
   */
  set(time: number): void;
  /** The remaining time of each sleeper, in milliseconds, shortest first. */
  readonly sleeping: readonly number[];
  /**
   * Resolves as soon as a sleeper has at most the given time left. The deadline of a credential (60 s) and the time
   * limit of an attempt (10 s, of a background refresh 2 s) sleep too: pass a shorter time to wait for a different
   * sleeper.
   *
   * @param withinMs Time in milliseconds. Any sleeper by default.
   * @returns The remaining time of the sleeper, in milliseconds.
   */
  untilSleeping(withinMs?: number): Promise<number>;
}

/** The timer of the runtime: a test may replace the global one by a fake, which only the test advances. */
const setRealTimeout = setTimeout;
/** Turns of the event loop per step. The first request of a chain, which loads modules, needs two on Node. */
const TURNS = 5;

interface Sleeper {
  /** When it wakes: elapsed time of this clock, in milliseconds. */
  readonly at: number;
  wake(): void;
}

/**
 * Creates a clock that stands still until it is advanced.
 *
 * @param start The initial time, in milliseconds since the epoch. The current time by default.
 *
 * @example Sleep for two seconds without waiting
 * ```ts
 * import { createFakeClock } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = createFakeClock(0);
 * const done = clock.sleep(2_000).then(() => clock.now());
 * await clock.advance(60_000);
 * assert.equal(await done, 2_000);
 * assert.equal(clock.now(), 60_000);
 * ```
 */
export function createFakeClock(start: number = Date.now()): FakeClock {
  let elapsed = 0;
  let offset = start;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();

  function sorted(): Sleeper[] {
    return [...sleepers].sort((a, b) => a.at - b.at);
  }

  return {
    now: () => offset + elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (!(ms > 0)) return resolve();
        const sleeper: Sleeper = { at: elapsed + ms, wake: () => end(resolve) };
        const abort = () => end(() => reject(signal?.reason));
        function end(settle: () => void) {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", abort);
          settle();
        }
        signal?.addEventListener("abort", abort, { once: true });
        sleepers.add(sleeper);
        for (const check of watchers) check();
      }),
    async advance(ms) {
      if (!(ms >= 0)) {
        throw new RangeError(
          `FakeClock: Cannot advance by "${ms}": It must be a non-negative number. To turn the clock back, call "set"`,
        );
      }
      const end = elapsed + ms;
      await settle();
      for (let next = sorted()[0]; next && next.at <= end; next = sorted()[0]) {
        elapsed = Math.max(elapsed, next.at);
        next.wake();
        await settle();
      }
      elapsed = Math.max(elapsed, end);
    },
    set(time) {
      offset = time - elapsed;
    },
    get sleeping() {
      return sorted().map(({ at }) => at - elapsed);
    },
    untilSleeping: (withinMs = Infinity) =>
      new Promise((resolve) => {
        function check() {
          const shortest = sorted()[0];
          if (!shortest || shortest.at - elapsed > withinMs) return;
          watchers.delete(check);
          resolve(shortest.at - elapsed);
        }
        watchers.add(check);
        check();
      }),
  };
}

/**
 * Lets started work continue to its next delay: callbacks of promises, and the digests and `import()`s of a credential,
 * which other threads run in the meantime and which take more than one turn of the event loop.
 */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    // Waits in the same queue as the digests that have been started.
    await digest("");
    await new Promise((resolve) => setRealTimeout.call(globalThis, resolve, 0));
  }
}
