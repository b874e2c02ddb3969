import { isBackground, markBackground } from "../runtime/background.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { AbortSignalLike, GetTokenOptions } from "../token_credential.ts";
import { chainOf, withChain } from "./in_chain.ts";

/** Time limit of an operation. */
export interface TimeoutOptions {
  readonly sleep: Runtime["sleep"];
  /** Time limit in milliseconds. */
  readonly ms: number;
  /** Returns the value to reject with when the time is up. */
  readonly onTimeout: () => unknown;
  /** Aborts the operation when it fires. */
  readonly outer?: AbortSignalLike | undefined;
  /** Whether the operation is a background refresh, which must not keep the process alive. @default {false} */
  readonly background?: boolean;
}

/**
 * Runs work with a signal that fires when the time is up or the outer signal fires, and settles then, even if the work
 * ignores its signal. Removes its timer and listener.
 */
export async function withTimeout<T>(
  work: (signal: AbortSignal) => PromiseLike<T>,
  { sleep, ms, onTimeout, outer, background = isBackground(outer) }: TimeoutOptions,
): Promise<T> {
  const controller = new AbortController();
  const done = new AbortController();
  if (background) [controller.signal, done.signal].forEach(markBackground);
  const stopFollowing = follow(outer, controller);
  sleep(ms, done.signal).then(() => controller.abort(onTimeout()), () => {});
  try {
    return await untilAborted(work, controller.signal);
  } finally {
    done.abort();
    stopFollowing?.();
  }
}

/**
 * Runs work with a signal that follows the outer signal, and rejects when it fires, even if the work ignores its
 * signal. Removes its listener.
 */
export async function abortable<T>(
  work: (signal: AbortSignal) => PromiseLike<T>,
  outer: AbortSignalLike | undefined,
): Promise<T> {
  const controller = new AbortController();
  if (isBackground(outer)) markBackground(controller.signal);
  const stopFollowing = follow(outer, controller);
  try {
    return await untilAborted(work, controller.signal);
  } finally {
    stopFollowing?.();
  }
}

function untilAborted<T>(work: (signal: AbortSignal) => PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    signal.addEventListener("abort", () => reject(signal.reason));
    // `resolve` would wait for an object with the method "then", also when the signal fires.
    Promise.resolve(work(signal)).then(resolve, reject);
  });
}

/** Aborts the controller when the signal fires. Returns a function that stops listening. */
function follow(signal: AbortSignalLike | undefined, controller: AbortController): (() => void) | undefined {
  if (!signal) return undefined;
  const abort = () => controller.abort(abortReason(signal));
  if (signal.aborted) abort();
  return listen(signal, abort);
}

/**
 * Runs the work of one call of `getToken` within its `abortSignal` and `requestOptions.timeout`, and passes on options
 * whose signal combines both.
 */
export async function withinCall<T>(
  options: GetTokenOptions,
  sleep: Runtime["sleep"],
  work: (options: GetTokenOptions, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { abortSignal: outer, requestOptions } = options;
  const ms = requestOptions?.timeout || undefined;
  if (!outer && !ms) return await work(options, undefined);
  const chain = chainOf(options);
  const bounded = (signal: AbortSignal) => {
    const own = { ...options, abortSignal: signal, requestOptions: undefined };
    return work(chain ? withChain(own, chain) : own, signal);
  };
  if (!ms) return await abortable(bounded, outer);
  const onTimeout = () => new DOMException(`No token within the ${ms} ms of "timeout"`, "TimeoutError");
  return await withTimeout(bounded, { sleep, ms, onTimeout, outer });
}

const listeners = new WeakMap<AbortSignalLike, { readonly all: Set<() => void>; readonly fire: () => void }>();

/**
 * Listens to a signal, with one event listener for all functions: Node warns of the eleventh. Returns a function that
 * stops listening.
 */
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

/** Returns the reason of a signal that has fired; an `AbortError` for a signal without a reason. */
export function abortReason(signal: AbortSignalLike): unknown {
  return signal.reason ?? new DOMException("The caller aborted the call", "AbortError");
}
