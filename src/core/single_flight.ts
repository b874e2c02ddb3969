/** Work under way that several callers wait for. */
export interface Flight<T> {
  /** What the work comes to. */
  readonly result: Promise<T>;
  /** When it began, in milliseconds since the epoch. */
  readonly startedOnTimestamp: number;
  /** Whether something newer came in the meantime, so that what it comes to is for those who wait and not to be remembered. */
  outdated: boolean;
  /** Adds a caller, who leaves when the signal fires. When the last has left, the work's own signal fires. */
  join(caller: AbortSignal | undefined): void;
}

/** Begins work; `left` is called when the last caller has left. */
export function startFlight<T>(work: (signal: AbortSignal) => Promise<T>, now: number, left: () => void): Flight<T> {
  const controller = new AbortController();
  let waiting = 0;
  return {
    result: work(controller.signal),
    startedOnTimestamp: now,
    outdated: false,
    join(caller) {
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
  };
}
