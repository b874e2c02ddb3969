/**
 * A clock that stands still until it is moved. Hand it in as `runtime`: it has the two members that credentials read the time and wait
 * with. Its functions need no `this`, so that they can also be handed in one by one.
 */
export interface FakeClock {
  /** The time, in milliseconds since the epoch. */
  now(): number;
  /**
   * Resolves once the clock was advanced by as many milliseconds, at once for none; rejects with the signal's reason as soon as the
   * signal fires.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Lets time pass, in milliseconds: wakes those who sleep in order, each at its time, and lets what they do next run before the next
   * one wakes. What they do may take longer than that, such as signing: then wait for its result, or with `untilSleeping`.
   */
  advance(ms: number): Promise<void>;
  /**
   * Puts the clock to another time, in milliseconds since the epoch, forward or back, as a wall clock jumps when it is corrected. Wakes
   * nobody: those who sleep still wait as long as before.
   */
  set(time: number): void;
  /** How long each of those who sleep still sleeps, in milliseconds, shortest first. */
  readonly sleeping: readonly number[];
  /**
   * Resolves as soon as there is a sleeper that wakes within the given time, with how long it still sleeps, in milliseconds. Deadlines (60 s)
   * and the time limits of attempts (10 s, of a background refresh 2 s) sleep too: give a shorter time to wait for something else.
   * Default: any sleeper.
   */
  untilSleeping(withinMs?: number): Promise<number>;
}

interface Sleeper {
  /** When it wakes, in milliseconds that have passed on this clock. */
  readonly at: number;
  wake(): void;
}

/**
 * Makes a clock that stands still until it is moved.
 *
 * @param start What it shows, in milliseconds since the epoch. Default: the present.
 *
 * @example Two seconds that take no time
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
  let passed = 0;
  let offset = start;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();

  function ordered(): Sleeper[] {
    return [...sleepers].sort((a, b) => a.at - b.at);
  }

  return {
    now: () => offset + passed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (!(ms > 0)) return resolve();
        const sleeper: Sleeper = { at: passed + ms, wake: () => leave(resolve) };
        const stop = () => leave(() => reject(signal?.reason));
        function leave(settle: () => void) {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", stop);
          settle();
        }
        signal?.addEventListener("abort", stop, { once: true });
        sleepers.add(sleeper);
        for (const look of watchers) look();
      }),
    async advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot advance by "${ms}": only "set" turns a clock back`);
      const end = passed + ms;
      await breathe();
      for (let next = ordered()[0]; next && next.at <= end; next = ordered()[0]) {
        passed = Math.max(passed, next.at);
        next.wake();
        await breathe();
      }
      passed = Math.max(passed, end);
    },
    set(time) {
      offset = time - passed;
    },
    get sleeping() {
      return ordered().map(({ at }) => at - passed);
    },
    untilSleeping: (withinMs = Infinity) =>
      new Promise((resolve) => {
        function look() {
          const shortest = ordered()[0];
          if (!shortest || shortest.at - passed > withinMs) return;
          watchers.delete(look);
          resolve(shortest.at - passed);
        }
        watchers.add(look);
        look();
      }),
  };
}

/** A turn of the event loop: what became possible goes on. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
