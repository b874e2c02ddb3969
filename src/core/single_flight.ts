import type { PendingStep } from "./failures.ts";

/** An operation that several callers wait for. */
export interface Flight<T> {
  readonly result: Promise<T>;
  /** Cache key of the result. */
  readonly key: string;
  /** Position in the order in which all flights of the process started. */
  readonly sequence: number;
  /** When the operation started, in milliseconds since the epoch. */
  readonly startedOnTimestamp: number;
  /** Fires when the last caller is detached. */
  readonly signal: AbortSignal;
  /** Whether only the current callers receive the result, which is then not cached. */
  skipCache: boolean;
  /** Current step, for the timeout error. */
  pendingStep: PendingStep;
  /** Adds a caller, who is detached when the signal fires. */
  join(caller: AbortSignal | undefined): void;
}

let started = 0;

/** Starts an operation; `onAbandoned` is called when the last caller is detached. */
export function startFlight<T>(
  operation: (flight: Flight<T>) => Promise<T>,
  { key, now, onAbandoned }: { readonly key: string; readonly now: number; readonly onAbandoned: () => void },
): Flight<T> {
  const controller = new AbortController();
  let callers = 0;
  const flight = {
    key,
    sequence: ++started,
    startedOnTimestamp: now,
    signal: controller.signal,
    skipCache: false,
    pendingStep: {},
    join(caller: AbortSignal | undefined) {
      callers++;
      caller?.addEventListener("abort", () => {
        if (--callers > 0) return;
        onAbandoned();
        try {
          controller.abort(caller.reason);
        } catch {
          // workerd: the operation belongs to another incoming request, and ends at its time limit.
        }
      }, { once: true });
    },
  } as { -readonly [K in keyof Flight<T>]: Flight<T>[K] };
  flight.result = operation(flight);
  return flight;
}
