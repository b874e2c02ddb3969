/**
 * A fake clock that advances by itself: while a call is pending and nothing else can proceed, it wakes the next
 * sleeper. Hours pass in microseconds, and the order of events depends only on the simulated world.
 *
 * @module
 */

/** Number of turns of the event loop without activity after which a pending call can proceed only by the clock. */
const CALM_TURNS = 1;

/** Number of milliseconds of real time without activity after which pending calls are considered hung. */
const MOST_PAUSES = 1000;

/** Number of timers that may fire while calls are pending. */
const MOST_WAKES = 10_000;

/** The time of a simulated world. Its functions need no `this`. */
export interface ModelClock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Sets the clock to another time, forward or back, without waking a sleeper. */
  jump(ms: number): void;
  /** Records activity of the world, so that the event loop does not count as idle. */
  touch(): void;
  /** Advances the time, and wakes the sleepers in order. */
  advance(ms: number): Promise<void>;
  /** Waits for calls; `everyTurn` is called after each turn of the event loop. */
  settle<T>(calls: Promise<T>, everyTurn?: () => void): Promise<T>;
  /** Lets background work proceed as far as it can without advancing the time. */
  calm(): Promise<void>;
}

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/** Creates a clock that shows `start`, in milliseconds since the epoch. */
export function createModelClock(start: number): ModelClock {
  let passed = 0;
  let offset = start;
  let activity = 0;
  const sleepers = new Set<Sleeper>();

  function nextSleeper(): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) if (!next || sleeper.at < next.at) next = sleeper;
    return next;
  }

  function touch(): void {
    activity++;
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    touch();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (!(ms > 0)) return resolve();
      const sleeper: Sleeper = { at: passed + ms, wake: () => leave(resolve) };
      const stop = () => leave(() => reject(signal?.reason));
      function leave(settle: () => void) {
        touch();
        sleepers.delete(sleeper);
        signal?.removeEventListener("abort", stop);
        settle();
      }
      signal?.addEventListener("abort", stop, { once: true });
      sleepers.add(sleeper);
    });
  }

  async function calm(everyTurn?: () => void, isOver?: () => boolean): Promise<void> {
    for (let seen = activity, turns = 0; turns < CALM_TURNS && !isOver?.(); turns++) {
      await turn();
      everyTurn?.();
      if (activity !== seen) [seen, turns] = [activity, -1];
    }
  }

  return {
    now: () => offset + passed,
    sleep,
    touch,
    jump: (ms) => void (offset += ms),
    calm: () => calm(),
    async advance(ms) {
      const end = passed + ms;
      for (let next = nextSleeper(); next && next.at <= end; next = nextSleeper()) {
        passed = Math.max(passed, next.at);
        next.wake();
        await calm();
      }
      passed = end;
    },
    async settle(calls, everyTurn) {
      let isSettled = false;
      let pauses = 0;
      calls.then(() => isSettled = true, () => isSettled = true);
      for (let wakes = 0; wakes < MOST_WAKES; wakes++) {
        await calm(everyTurn, () => isSettled);
        if (isSettled) return await calls;
        const next = nextSleeper();
        if (!next) {
          // Work outside of the world may go on: a module that is loaded for the first time.
          if (pauses++ === MOST_PAUSES) throw new Error("The calls hang: no work goes on, and no timer runs");
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        passed = Math.max(passed, next.at);
        next.wake();
      }
      throw new Error("The calls wait without end");
    },
  };
}

const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };

/**
 * Waits for a turn of the event loop. Without `setImmediate` it uses a message, which takes almost no time; a timer
 * takes up to four milliseconds.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate) return setImmediate(resolve);
    if (typeof MessageChannel === "undefined") return setTimeout(resolve, 0);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Number of worlds so far, because the process caches tokens by digests that no two worlds may share. */
let worlds = 0;

/**
 * Runs work with the clock's time as global time, a seeded random jitter, and digests that take no time. Digests that
 * are computed outside of the event loop would end in a different order in each run.
 */
export async function withGlobals<T>(now: () => number, random: () => number, work: () => Promise<T>): Promise<T> {
  const { subtle } = crypto;
  const errors = Error as { stackTraceLimit?: number };
  const saved = { now: Date.now, random: Math.random, stackTraceLimit: errors.stackTraceLimit ?? 10 };
  const texts = new Map<string, number>();
  const world = ++worlds;
  Date.now = now;
  Math.random = random;
  // The stacks of expected errors would take most of the time.
  errors.stackTraceLimit = 0;
  Object.defineProperty(subtle, "digest", {
    configurable: true,
    // deno-lint-ignore require-await
    async value(_algorithm: unknown, data: Uint8Array) {
      const text = new TextDecoder().decode(data);
      if (!texts.has(text)) texts.set(text, texts.size);
      return new Uint32Array([world, texts.get(text)!, 0, 0, 0, 0, 0, 0]).buffer;
    },
  });
  try {
    return await work();
  } finally {
    Date.now = saved.now;
    Math.random = saved.random;
    errors.stackTraceLimit = saved.stackTraceLimit;
    delete (subtle as Partial<SubtleCrypto>).digest;
  }
}
