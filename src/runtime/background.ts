const background = new WeakSet<object>();

/** Marks a signal as that of a background refresh, whose timers, connections and programs must not keep the process alive. */
export function markBackground(signal: AbortSignal): void {
  background.add(signal);
}

/** Whether the work that ends with the signal belongs to a background refresh. */
export function isBackground(signal: object | undefined): boolean {
  return signal !== undefined && background.has(signal);
}

/** Lets the process end before the timer fires, on Deno, Node and Bun; does nothing on other runtimes. */
export function unrefTimer(timer: unknown): void {
  const { Deno } = globalThis as { Deno?: { unrefTimer(timer: number): void } };
  // Deno has numbers, and the timers of Node in npm packages.
  if (typeof timer === "number") Deno?.unrefTimer(timer);
  else (timer as { unref?(): void }).unref?.();
}
