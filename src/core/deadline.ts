import { isBackground, markBackground } from "../runtime/background.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AbortSignalLike, GetTokenOptions } from "../token_credential.ts";
import { chainOf, withChain } from "./in_chain.ts";

/** When work has to end. */
export interface Deadline {
  readonly sleep: Runtime["sleep"];
  /** How long it may take, in milliseconds; `undefined` for as long as it takes. */
  readonly ms: number | undefined;
  /** Returns what to reject with when the time is up. */
  readonly late: () => unknown;
  /** Ends the work when it fires. */
  readonly outer?: AbortSignalLike | undefined;
  /** Whether the work is a background refresh, which must not keep the process alive. @default {false} */
  readonly background?: boolean;
}

/**
 * Runs work with a signal that fires when the time is up or the outer signal fires, and settles then, whether or not the work heeds it.
 * Leaves no timer and no listener behind.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => PromiseLike<T>,
  { sleep, ms, late, outer, background = isBackground(outer) }: Deadline,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const done = new AbortController();
  if (background) [signal, done.signal].forEach(markBackground);
  const leave = () => controller.abort(abortReason(outer!));
  if (outer?.aborted) leave();
  const stopListening = outer && listen(outer, leave);
  if (ms !== undefined) sleep(ms, done.signal).then(() => controller.abort(late()), () => {});
  try {
    return await new Promise<T>((resolve, reject) => {
      if (signal.aborted) throw signal.reason;
      signal.addEventListener("abort", () => reject(signal.reason));
      work(signal).then(resolve, reject);
    });
  } finally {
    done.abort();
    stopListening?.();
  }
}

/** Runs the work of one call of `getToken` within its `abortSignal` and `requestOptions.timeout`, and passes on options that hold both as a signal. */
export async function withinCall<T>(
  options: GetTokenOptions,
  sleep: Runtime["sleep"],
  work: (options: GetTokenOptions, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { abortSignal: outer, requestOptions } = options;
  const ms = requestOptions?.timeout || undefined;
  if (!outer && !ms) return await work(options, undefined);
  const late = () => new DOMException(`No token within the ${ms} ms of "timeout"`, "TimeoutError");
  const chain = chainOf(options);
  return await withDeadline((signal) => {
    const bounded = { ...options, abortSignal: signal, requestOptions: undefined };
    return work(chain ? withChain(bounded, chain) : bounded, signal);
  }, { sleep, ms, late, outer });
}

const listeners = new WeakMap<AbortSignalLike, { readonly all: Set<() => void>; readonly fire: () => void }>();

/** Listens to a signal, with one listener for all who do: Node warns of the eleventh. Returns what stops it. */
function listen(signal: AbortSignalLike, listener: () => void): () => void {
  let entry = listeners.get(signal);
  if (!entry) {
    const all = new Set<() => void>();
    listeners.set(signal, entry = { all, fire: () => all.forEach((listener) => listener()) });
  }
  const { all, fire } = entry;
  if (all.size === 0) signal.addEventListener("abort", fire);
  all.add(listener);
  return () => {
    all.delete(listener);
    if (all.size === 0) signal.removeEventListener("abort", fire);
  };
}

/** Returns why a signal has fired; an `AbortError` where it cannot tell. */
export function abortReason(signal: AbortSignalLike): unknown {
  return signal.reason ?? new DOMException("The caller aborted the call", "AbortError");
}
