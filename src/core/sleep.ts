import { isBackground, unrefTimer } from "../runtime/background.ts";

const MAX_TIMER_IN_MS = 2 ** 31 - 1;

/**
 * Resolves after a time in milliseconds; rejects with the signal's reason as soon as the signal fires. The timer does
 * not keep the process alive if the signal is that of a background refresh.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, Math.min(ms, MAX_TIMER_IN_MS));
    if (isBackground(signal)) unrefTimer(timer);
    function stop() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}
