import type { Awaited } from "./failures.ts";

/** Work under way that several callers wait for. */
export interface Flight<T> {
  /** What the work comes to. */
  readonly result: Promise<T>;
  /** What it is about. */
  readonly key: string;
  /** When it began, in milliseconds since the epoch. */
  readonly startedOnTimestamp: number;
  /** Fires when the last caller has left. */
  readonly signal: AbortSignal;
  /** Whether something newer came in the meantime, so that what it comes to is for those who wait and not to be remembered. */
  outdated: boolean;
  /** What it waits for. */
  awaited: Awaited;
  /** Adds a caller, who leaves when the signal fires. */
  join(caller: AbortSignal | undefined): void;
}

/** Begins work; `left` is called when the last caller has left. */
export function startFlight<T>(
  work: (flight: Flight<T>) => Promise<T>,
  { key, now, left }: { readonly key: string; readonly now: number; readonly left: () => void },
): Flight<T> {
  const controller = new AbortController();
  let waiting = 0;
  const flight = {
    key,
    startedOnTimestamp: now,
    signal: controller.signal,
    outdated: false,
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
