import { AuthenticationError } from "../errors.ts";
import { missingPermission } from "../runtime/permission.ts";
import { readText } from "../runtime/read_text.ts";
import { bound } from "./bound.ts";
import { withDeadline } from "./deadline.ts";
import type { Settings } from "./settings.ts";
import { messageOf } from "./unknown_errors.ts";

const MAX_BYTES = 1_048_576;
const NUMBER = /^\d{1,10}$/;

/** What came back for a request. */
export interface Answer {
  /** The HTTP status; 0 where no whole answer came. */
  readonly status: number;
  /** The body, empty where it is longer than a megabyte; where no answer came, why. */
  readonly text: string;
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfterInMs: number | undefined;
  /** The headers; absent where no answer came. */
  readonly headers?: Headers;
}

/** The clock, and the time limit of one request. */
export interface SendOptions extends Pick<Settings, "now" | "sleep"> {
  /** How long the request may take until its body is read, in milliseconds; then there is no answer. `undefined` for no limit. */
  readonly limitInMs?: number | undefined;
}

/**
 * Sends a request and reads the answer, a megabyte at the most. Redirects are not followed: what is sent is for the one it is sent
 * to. Rejects only with the signal's reason, or with an `AuthenticationError` where the runtime does not permit the request, or the server has
 * another certificate than the pinned one.
 */
export async function send(
  fetch: typeof globalThis.fetch,
  url: string,
  init: RequestInit & { signal: AbortSignal },
  { now, sleep, limitInMs: ms }: SendOptions,
): Promise<Answer> {
  async function exchange(signal: AbortSignal): Promise<Answer> {
    const response = await fetch(url, { ...init, signal, redirect: "manual" });
    // A browser hides a redirect it was told not to follow.
    const status = response.type === "opaqueredirect" ? 302 : response.status;
    const text = await readBody(response, signal);
    const { headers } = response;
    return { status, text, retryAfterInMs: retryAfter(headers, now()), headers };
  }

  try {
    if (ms === undefined) return await exchange(init.signal);
    const late = () => new Error(`No response within ${ms} ms`);
    return await withDeadline(exchange, { sleep, ms, late, outer: init.signal });
  } catch (error) {
    if (init.signal.aborted) throw init.signal.reason;
    const { host } = new URL(url);
    const { name, cause = error } = Object(error) as { name?: unknown; cause?: unknown };
    // Not sent again: another attempt meets the same server.
    if (name === "UntrustedServer") throw new AuthenticationError(`Cannot trust "${host}": ${bound(messageOf(cause))}`);
    const flag = missingPermission(error, { net: host });
    if (flag) throw new AuthenticationError(`Cannot reach "${host}": Run ${flag}`);
    return { status: 0, text: reasonOf(error), retryAfterInMs: undefined };
  }
}

async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  if (!response.body) return "";
  const reader = response.body.getReader();
  // Not awaited: neither the connection nor an injected `fetch` has to react to the signal.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    const text = await readText(() => reader.read(), MAX_BYTES);
    if (text === undefined) cancel();
    return text ?? "";
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Reads how long to wait: milliseconds of Azure's headers, or seconds or a date of RFC 9110, section 10.2.3. */
function retryAfter(headers: Headers, now: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = bound(headers.get(name) ?? "");
    if (NUMBER.test(value)) return Number(value);
  }
  const value = bound(headers.get("retry-after") ?? "");
  if (NUMBER.test(value)) return Number(value) * 1000;
  // `Date.parse` would take "-1" and "5, 5" for days long past.
  const date = /^[A-Z][a-z]+, /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Says in words why a request failed. The error itself is dropped: it may hold the request, as may the words. */
function reasonOf(error: unknown): string {
  const words: string[] = [];
  for (let at: unknown = error; at instanceof Error && words.length < 3; at = at.cause) {
    if (at.message) words.push(at.message);
  }
  return words.join(": ") || "The request failed";
}
