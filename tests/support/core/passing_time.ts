/**
 * Advances a fake clock until work is done, and measures how long that took.
 *
 * @module
 */
import type { FakeClock } from "@azweb/identity/testing";
import { breathe } from "../service.ts";

/** Number of turns of the event loop in which work without timers proceeds, such as reading a body. */
const TURNS = 6;

/**
 * Lets other work proceed for a turn of the event loop, and until the digests that began earlier are computed.
 */
export async function turn(): Promise<void> {
  await breathe();
  await crypto.subtle.digest("SHA-256", new Uint8Array(1));
}

/** The result of work. */
export interface Ended<T> {
  /** The result, absent if the work failed. */
  readonly value?: T;
  /** The error, absent if the work succeeded. */
  readonly error?: Error & Record<string, unknown>;
  /** The duration on the clock, in milliseconds. */
  readonly after: number;
}

/** Advances the clock from one timer to the next until the work has ended. */
export async function pass<T>(work: Promise<T>, clock: FakeClock): Promise<Ended<T>> {
  const began = clock.now();
  let ended: Ended<T> | undefined;
  work.then(
    (value) => ended = { value, after: clock.now() - began },
    (error) => ended = { error, after: clock.now() - began },
  );
  for (;;) {
    for (let turns = 0; turns < TURNS && !ended; turns++) await turn();
    if (ended) return ended;
    const next = clock.sleeping[0];
    if (next !== undefined) await clock.advance(next);
  }
}

/** Advances the clock by a number of milliseconds, from one timer to the next, and lets work proceed meanwhile. */
export async function passTime(ms: number, clock: FakeClock): Promise<void> {
  const end = clock.now() + ms;
  for (;;) {
    for (let turns = 0; turns < TURNS; turns++) await turn();
    const left = end - clock.now();
    if (left <= 0) return;
    await clock.advance(Math.min(left, clock.sleeping[0] ?? left));
  }
}
