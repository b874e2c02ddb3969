const background = new WeakSet<object>();

/**
 * Marks a signal as that of a background refresh, whose timers, connections and programs must not keep the process
 * alive.
 */
export function markBackground(signal: AbortSignal): void {
  background.add(signal);
}

/** Whether the signal is that of a background refresh. */
export function isBackground(signal: object | undefined): boolean {
  return signal !== undefined && background.has(signal);
}

/** Lets the process end before the timer fires. Does nothing on runtimes other than Deno, Node and Bun. */
export function unrefTimer(timer: unknown): void {
  const { Deno } = globalThis as { Deno?: { unrefTimer(timer: number): void } };
  // Deno has numbers as timers, and in npm packages also the objects of Node.
  if (typeof timer === "number") Deno?.unrefTimer(timer);
  else (timer as { unref?(): void }).unref?.();
}
