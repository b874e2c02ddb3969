import type { RecordedRequest } from "./simulated_service.ts";

/**
 * The name of a failure between client and service:
 *
 * - `"refused"`: `fetch` rejects, as it does when the connection is refused. (`handle`, behind a server of your own,
 *   rejects.)
 * - `"silent"`: no response is ever sent.
 * - `"reset"`: the connection is reset in the middle of the body.
 * - `"stalled"`: half of the body is sent, then nothing.
 * - `"truncated"`: the body ends in the middle, without an error.
 * - `"html"`: an HTML page of a proxy, with status 200.
 * - `"huge"`: a body of ten megabytes.
 * - `"endless"`: a body that never ends.
 * - `"slow"`: the normal body, one byte per second.
 * - `"unreachable"`: status 403 of a proxy that cannot reach the host, as Docker Desktop sends it for link-local
 *   addresses.
 * - `"redirect"`: status 307 to the same path of another host, which would receive the secret of a client that follows
 *   the redirect.
 */
export type FaultName =
  | ("refused" | "silent" | "reset" | "stalled" | "truncated" | "html" | "huge" | "endless" | "slow")
  | ("redirect" | "unreachable");

/** An error response, member by member. */
export interface FaultResponse {
  /** The HTTP status. By default 400, or the one that belongs to the error code. */
  readonly status?: number;
  /** The header `Retry-After`: a number of seconds, or a date. Absent by default. */
  readonly retryAfter?: number | Date;
  /** Further headers. None by default. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. By default an error in the format of the service; for Entra only if there is an error code. */
  readonly body?: string;
}

/**
 * A failure of a simulated machine. A {@linkcode FaultResponse} without a body gets an error in the format of the
 * machine.
 */
export type MachineFault = FaultName | FaultResponse;

/** The host to which the fault `"redirect"` leads. */
const OTHER_HOST = "https://elsewhere.example";
const TEN_MEGABYTES = 10_000_000;

/**
 * Returns the response of a fault, which can be derived from the normal response.
 *
 * @param options The request, the signal of the caller, a function that returns the normal response, and one that
 * waits, in real time by default.
 */
export async function respondWithFault(
  fault: FaultName,
  { request, signal, respond, sleep = sleepInRealTime }: {
    request: RecordedRequest;
    signal: () => AbortSignal;
    respond: () => Promise<Response>;
    sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  },
): Promise<Response> {
  switch (fault) {
    case "refused":
      throw new TypeError("fetch failed: Connection refused (simulated)");
    case "silent":
      return await new Promise(() => {});
    case "html":
      return new Response("<!DOCTYPE html><title>Welcome</title><p>Accept the terms to go on.", {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    case "unreachable": {
      const { host } = new URL(request.url);
      return new Response(
        `connecting to ${host}: dial tcp ${host}: connectex: A socket operation was attempted to an unreachable network.`,
        { status: 403, headers: { "content-type": "text/plain; charset=utf-8" } },
      );
    }
    case "redirect": {
      const { pathname, search } = new URL(request.url);
      return new Response(null, { status: 307, headers: { location: `${OTHER_HOST}${pathname}${search}` } });
    }
    case "huge":
      return replaceBody(await respond(), () => hugeBody(TEN_MEGABYTES));
    case "endless":
      return replaceBody(await respond(), () => hugeBody(Infinity));
    case "slow":
      return replaceBody(await respond(), (body) => slowBody(body, (ms) => sleep(ms, signal())));
    case "truncated":
      return replaceBody(await respond(), firstHalf);
    case "reset":
      return replaceBody(await respond(), (body) => resetBody(firstHalf(body)));
    case "stalled":
      return replaceBody(await respond(), (body) => stalledBody(firstHalf(body), signal()));
  }
}

/** Returns the error response; `status` and `body` are its defaults. */
export function faultResponse(fault: FaultResponse, status: number, body: string | undefined): Response {
  const retryAfter = fault.retryAfter instanceof Date ? fault.retryAfter.toUTCString() : fault.retryAfter;
  return new Response(fault.body ?? body ?? null, {
    status: fault.status ?? status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
      ...fault.headers,
    },
  });
}

async function replaceBody(response: Response, replace: (body: string) => BodyInit): Promise<Response> {
  const { status, headers } = response;
  return new Response(replace(await response.text()), { status, headers });
}

function firstHalf(body: string): string {
  return body.slice(0, body.length / 2);
}

/** Returns a body that fails after the given part. */
function resetBody(part: string): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(part));
    },
    // In `pull`, because an error in `start` discards the chunks that are not read yet.
    pull(controller) {
      controller.error(new TypeError("terminated: Connection reset (simulated)"));
    },
  }, { highWaterMark: 0 });
}

/** Returns a body that stays open after the given part, until the signal fires. */
function stalledBody(part: string, signal: AbortSignal): ReadableStream<Uint8Array> {
  let abort: () => void;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => controller.error(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      controller.enqueue(new TextEncoder().encode(part));
    },
    cancel() {
      signal.removeEventListener("abort", abort);
    },
  });
}

/** Returns a valid token response with a token of the given length, generated while it is read. */
function hugeBody(length: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const chunk = encoder.encode("a".repeat(50_000));
  let left = length;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode('{"token_type":"Bearer","expires_in":3600,"access_token":"'));
    },
    pull(controller) {
      controller.enqueue(chunk);
      left -= chunk.length;
      if (left > 0) return;
      controller.enqueue(encoder.encode('"}'));
      controller.close();
    },
  });
}

/** Returns a body that is sent byte by byte, with a second in between. */
function slowBody(body: string, sleep: (ms: number) => Promise<void>): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(body);
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent > 0) await sleep(1_000);
      controller.enqueue(bytes.slice(sent, ++sent));
      if (sent >= bytes.length) controller.close();
    },
  }, { highWaterMark: 0 });
}

function sleepInRealTime(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
