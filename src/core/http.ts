import { AuthenticationError } from "../errors.ts";
import { missingPermission } from "../runtime/permission.ts";
import { readText } from "../runtime/read_text.ts";
import { fetchRemotely } from "../runtime/remote_fetch.ts";
import { bound } from "./bound.ts";
import { retryAfter } from "./retry_after.ts";
import { withTimeout } from "./timeout.ts";
import type { Settings } from "./settings.ts";
import { memberOf, messageOf, messagesOf } from "./unknown_errors.ts";

const MAX_BYTES = 1_048_576;

/** The response to a request, or why there is none. */
export interface HttpResult {
  /** The HTTP status; 0 if no complete response was received. */
  readonly status: number;
  /** The body, `""` if it is longer than a megabyte. Without a response, the reason. */
  readonly text: string;
  /** Whether the body is longer than a megabyte. */
  readonly isTooLong?: boolean;
  /** The delay that the service requests before a retry, in milliseconds. */
  readonly retryAfterInMs: number | undefined;
  /** The headers; absent without a response. */
  readonly headers?: Headers;
}

/** The clock, and the time limit of one request. */
export interface SendOptions extends Pick<Settings, "now" | "sleep"> {
  /** Time limit for the request and the body of its response, in milliseconds; `undefined` for no limit. */
  readonly limitInMs?: number | undefined;
}

/**
 * Sends a request and reads at most one megabyte of the response. Without a `fetch`, the request may go through the
 * proxy that the variables of the process name. Redirects are not followed, because another server must not receive the
 * request. Rejects only with the signal's reason, or with an `AuthenticationError` if the runtime does not permit the
 * request, the proxy cannot be used, or the server's certificate is not the pinned one.
 */
export async function send(
  fetch: typeof globalThis.fetch | undefined = fetchRemotely,
  url: string,
  init: RequestInit & { signal: AbortSignal },
  { now, sleep, limitInMs: ms }: SendOptions,
): Promise<HttpResult> {
  async function exchange(signal: AbortSignal): Promise<HttpResult> {
    const response = await fetch(url, { ...init, signal, redirect: "manual" });
    // A browser hides the status of a redirect that is not followed.
    const status = response.type === "opaqueredirect" ? 302 : response.status;
    const text = await readBody(response, signal);
    const { headers } = response;
    const retryAfterInMs = retryAfter(headers, now());
    return { status, text: text ?? "", isTooLong: text === undefined, retryAfterInMs, headers };
  }

  try {
    if (ms === undefined) return await exchange(init.signal);
    const onTimeout = () => new Error(`No response within ${ms} ms`);
    return await withTimeout(exchange, { sleep, ms, onTimeout, outer: init.signal });
  } catch (error) {
    if (init.signal.aborted) throw init.signal.reason;
    const { host } = new URL(url);
    const name = memberOf(error, "name");
    const cause = memberOf(error, "cause") ?? error;
    // Not retried: another attempt reaches the same server, or the same variables.
    if (name === "UntrustedServer") throw new AuthenticationError(`Cannot trust "${host}": ${bound(messageOf(cause))}`);
    if (name === "UnusableProxy") throw new AuthenticationError(`Cannot reach "${host}": ${messageOf(error)}`);
    const flag = missingPermission(error, { net: host });
    if (flag) throw new AuthenticationError(`Cannot reach "${host}": Run ${flag}`);
    // The error itself may contain the request, and is dropped; the caller redacts the messages.
    return { status: 0, text: messagesOf(error) || "The request failed", retryAfterInMs: undefined };
  }
}

/** Returns the text of the body; `undefined` if it is longer than a megabyte. */
async function readBody(response: Response, signal: AbortSignal): Promise<string | undefined> {
  if (!response.body) return "";
  const reader = response.body.getReader();
  // Not awaited, because the connection or an injected `fetch` may not react to the signal.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    const text = await readText(() => reader.read(), MAX_BYTES);
    if (text === undefined) cancel();
    return text;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
