import type { Awaited } from "./failures.ts";

/** Work under way that several callers wait for. */
export interface Flight<T> {
  /** What the work comes to. */
  readonly result: Promise<T>;
  /** What it is about. */
  readonly key: string;
  /** Position in the order in which all flights of the process started. */
  readonly sequence: number;
  /** When it began, in milliseconds since the epoch. */
  readonly startedOnTimestamp: number;
  /** Fires when the last caller has left. */
  readonly signal: AbortSignal;
  /** Whether the result is only for the current callers, and is not cached. */
  skipCache: boolean;
  /** What it waits for. */
  awaited: Awaited;
  /** Adds a caller, who leaves when the signal fires. */
  join(caller: AbortSignal | undefined): void;
}

let started = 0;

/** Begins work; `left` is called when the last caller has left. */
export function startFlight<T>(
  work: (flight: Flight<T>) => Promise<T>,
  { key, now, left }: { readonly key: string; readonly now: number; readonly left: () => void },
): Flight<T> {
  const controller = new AbortController();
  let waiting = 0;
  const flight = {
    key,
    sequence: ++started,
    startedOnTimestamp: now,
    signal: controller.signal,
    skipCache: false,
    awaited: {},
    join(caller: AbortSignal | undefined) {
      waiting++;
      caller?.addEventListener("abort", () => {
        if (--waiting > 0) return;
        left();
        try {
          controller.abort(caller.reason);
        } catch {
          // workerd: the work belongs to another request, and ends at its deadline.
        }
      }, { once: true });
    },
  } as { -readonly [K in keyof Flight<T>]: Flight<T>[K] };
  flight.result = work(flight);
  return flight;
}
