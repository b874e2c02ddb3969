/**
 * Advances a fake clock until work is done, and measures how long that took.
 *
 * @module
 */
import type { FakeClock } from "@azweb/identity/testing";
import { breathe } from "../service.ts";

/** Turns of the event loop in which work that waits for no time goes on, such as reading a body. */
const TURNS = 6;

/** Lets work go on, also work that computes a digest outside of the event loop: that began before this one does. */
export async function turn(): Promise<void> {
  await breathe();
  await crypto.subtle.digest("SHA-256", new Uint8Array(1));
}

/** How work ended. */
export interface Ended<T> {
  /** The result, absent if the work failed. */
  readonly value?: T;
  /** The error, absent if the work succeeded. */
  readonly error?: Error & Record<string, unknown>;
  /** How long it took on the clock, in milliseconds. */
  readonly after: number;
}

/** Lets time pass from one sleeper to the next until the work is done. */
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

/** Lets a time in milliseconds pass, from one sleeper to the next, with all that becomes possible meanwhile. */
export async function passTime(ms: number, clock: FakeClock): Promise<void> {
  const end = clock.now() + ms;
  for (;;) {
    for (let turns = 0; turns < TURNS; turns++) await turn();
    const left = end - clock.now();
    if (left <= 0) return;
    await clock.advance(Math.min(left, clock.sleeping[0] ?? left));
  }
}
