import type { Runtime } from "../runtime/runtime.ts";
import type { AbortSignalLike, GetTokenOptions } from "../token_credential.ts";

/** Settles as the promise does, or rejects with the signal's reason as soon as the signal fires. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    function stop() {
      reject(signal.reason);
    }
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Returns why a signal has fired; an `AbortError` where it cannot tell. */
export function abortReason(signal: AbortSignalLike): unknown {
  return signal.reason ?? new DOMException("The caller aborted the call", "AbortError");
}

/** One caller's wish to leave: its signal and its time limit as one `AbortSignal`. */
export interface Caller {
  /** Fires when the caller leaves. */
  readonly signal: AbortSignal;
  /** Takes back the listener and the timer. */
  release(): void;
}

/** Returns the caller's wish to leave, or `undefined` where it can have none. */
export function callerOf(options: GetTokenOptions, sleep: Runtime["sleep"]): Caller | undefined {
  const signal = options.abortSignal;
  const timeout = options.requestOptions?.timeout;
  if (!signal && !timeout) return undefined;
  const controller = new AbortController();
  const done = new AbortController();
  function leave() {
    controller.abort(abortReason(signal!));
  }
  if (signal?.aborted) leave();
  signal?.addEventListener("abort", leave);
  if (timeout) {
    sleep(timeout, done.signal).then(
      () => controller.abort(new DOMException(`No token within the ${timeout} ms of "timeout"`, "TimeoutError")),
      () => {},
    );
  }
  return {
    signal: controller.signal,
    release() {
      signal?.removeEventListener("abort", leave);
      done.abort();
    },
  };
}
