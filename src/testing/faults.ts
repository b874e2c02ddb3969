import { Refusal, refusalBody, type Trace } from "./refusal.ts";
import type { RecordedRequest } from "./request_record.ts";

/**
 * What can go wrong on the way, by name:
 *
 * - `"refused"`: `fetch` rejects, as it does where nobody listens. (Behind a server of your own, `handle` rejects.)
 * - `"silent"`: no answer ever comes.
 * - `"reset"`: the connection breaks in the middle of the body.
 * - `"stalled"`: half of the body comes, and then nothing.
 * - `"truncated"`: the body ends in the middle, and all seems well.
 * - `"html"`: a page of a proxy, with status 200.
 * - `"huge"`: a body of ten megabytes.
 * - `"endless"`: a body that never ends.
 * - `"slow"`: the good body, a byte a second.
 * - `"unreachable"`: status 403 of a proxy that does not get through, as Docker Desktop answers for addresses of the link.
 * - `"redirect"`: to the same path of another host, with status 307, so that whoever follows takes the secret there.
 */
export type FaultName =
  | ("refused" | "silent" | "reset" | "stalled" | "truncated" | "html" | "huge" | "endless" | "slow")
  | ("redirect" | "unreachable");

/** An answer as it is. */
export interface FaultAnswer {
  /** The HTTP status. Default: 400, or what Entra sends with the code. */
  readonly status?: number;
  /** The header `Retry-After`: a number of seconds, or a date. Default: none. */
  readonly retryAfter?: number | Date;
  /** More headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as it is. Default: an error in the service's own shape, from Entra only if there is a code. */
  readonly body?: string;
}

/** An answer that is an error. Each member has a default that fits the others. */
export interface EntraFaultAnswer extends FaultAnswer {
  /** The number behind `AADSTS`. Default: none, or one that fits the status 429 or 503. */
  readonly code?: number;
  /** The claims that the client must send along, as JSON text. Default: what Entra sends with the code. */
  readonly claims?: string;
}

/** Something that goes wrong with Entra: see {@linkcode FaultName} and {@linkcode EntraFaultAnswer}. */
export type EntraFault = FaultName | EntraFaultAnswer;

/** Where the fault `"redirect"` leads. */
const ELSEWHERE = "https://elsewhere.example";
const TEN_MEGABYTES = 10_000_000;
const CODES: Readonly<Record<number, number>> = { 429: 90055, 503: 90033 };

/**
 * Returns the answer that the fault makes of a good one. `signal` is the caller's wish to leave; `sleep` waits so many milliseconds,
 * by default of real time.
 */
export async function answerWithFault(
  fault: FaultName,
  { asked, signal, good, sleep = sleepReally }: {
    asked: RecordedRequest;
    signal: () => AbortSignal;
    good: () => Promise<Response>;
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
      const { host } = new URL(asked.url);
      return new Response(
        `connecting to ${host}: dial tcp ${host}: connectex: A socket operation was attempted to an unreachable network.`,
        { status: 403, headers: { "content-type": "text/plain; charset=utf-8" } },
      );
    }
    case "redirect": {
      const { pathname, search } = new URL(asked.url);
      return new Response(null, { status: 307, headers: { location: `${ELSEWHERE}${pathname}${search}` } });
    }
    case "huge":
      return withBody(await good(), () => hugeBody(TEN_MEGABYTES));
    case "endless":
      return withBody(await good(), () => hugeBody(Infinity));
    case "slow":
      return withBody(await good(), (body) => slowBody(body, (ms) => sleep(ms, signal())));
    case "truncated":
      return withBody(await good(), half);
    case "reset":
      return withBody(await good(), (body) => resetBody(half(body)));
    case "stalled":
      return withBody(await good(), (body) => stalledBody(half(body), signal()));
  }
}

/** Returns Entra's error answer. */
export function answerWithError(fault: EntraFaultAnswer, trace: Trace): Response {
  const code = fault.code ?? CODES[fault.status ?? 0];
  const refusal = code === undefined ? undefined : new Refusal(code);
  const body = refusal &&
    JSON.stringify({ ...refusalBody(refusal, trace), ...(fault.claims !== undefined && { claims: fault.claims }) });
  return answerAsGiven(fault, refusal?.status ?? 400, body);
}

/** Returns the answer, with the given status and body where it has none of its own. */
export function answerAsGiven(fault: FaultAnswer, status: number, body: string | undefined): Response {
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

async function withBody(response: Response, change: (body: string) => BodyInit): Promise<Response> {
  const { status, headers } = response;
  return new Response(change(await response.text()), { status, headers });
}

function half(body: string): string {
  return body.slice(0, body.length / 2);
}

/** Sends the text and then breaks. */
function resetBody(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
    },
    // Not at once: an error takes back what was not read yet.
    pull(controller) {
      controller.error(new TypeError("terminated: Connection reset (simulated)"));
    },
  }, { highWaterMark: 0 });
}

/** Sends the text and then nothing, until the signal fires. */
function stalledBody(text: string, signal: AbortSignal): ReadableStream<Uint8Array> {
  let leave: () => void;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      leave = () => controller.error(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      controller.enqueue(new TextEncoder().encode(text));
    },
    cancel() {
      signal.removeEventListener("abort", leave);
    },
  });
}

/** An answer that would be good if its token were not as long, made while it is read. */
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

/** Sends a byte, waits a second, and so on. */
function slowBody(text: string, sleep: (ms: number) => Promise<void>): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent > 0) await sleep(1_000);
      controller.enqueue(bytes.slice(sent, ++sent));
      if (sent >= bytes.length) controller.close();
    },
  }, { highWaterMark: 0 });
}

function sleepReally(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
