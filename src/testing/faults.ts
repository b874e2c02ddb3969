import { Refusal, refusalBody, type Trace } from "./refusal.ts";
import type { EntraRequest } from "./request_record.ts";

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
 * - `"redirect"`: to the same path of another host, with status 307, so that whoever follows takes the secret there.
 */
export type EntraFaultName = "refused" | "silent" | "reset" | "stalled" | "truncated" | "html" | "huge" | "redirect";

/** An answer that is an error. Each member has a default that fits the others. */
export interface EntraFaultAnswer {
  /** The number behind `AADSTS`. Default: none, or one that fits the status 429 or 503. */
  readonly code?: number;
  /** The HTTP status. Default: what Entra sends with the code. */
  readonly status?: number;
  /** The header `Retry-After`: a number of seconds, or a date. Default: none. */
  readonly retryAfter?: number | Date;
  /** The claims that the client must send along, as JSON text. Default: what Entra sends with the code. */
  readonly claims?: string;
  /** More headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as it is. Default: Entra's error answer if there is a code, else nothing. */
  readonly body?: string;
}

/** Something that goes wrong: see {@linkcode EntraFaultName} and {@linkcode EntraFaultAnswer}. */
export type EntraFault = EntraFaultName | EntraFaultAnswer;

/** Where the fault `"redirect"` leads. */
const ELSEWHERE = "https://elsewhere.example";
const TEN_MEGABYTES = 10_000_000;
const CODES: Readonly<Record<number, number>> = { 429: 90055, 503: 90033 };

/** Returns the answer that the fault makes of a good one. `signal` is the caller's wish to leave. */
export async function answerWithFault(
  fault: EntraFault,
  { asked, signal, trace, good }: {
    asked: EntraRequest;
    signal: () => AbortSignal;
    trace: Trace;
    good: () => Promise<Response>;
  },
): Promise<Response> {
  if (typeof fault === "object") return errorAnswer(fault, trace);
  switch (fault) {
    case "refused":
      throw new TypeError("fetch failed: Connection refused (simulated)");
    case "silent":
      return await new Promise(() => {});
    case "html":
      return new Response("<!DOCTYPE html><title>Welcome</title><p>Accept the terms to go on.", {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    case "redirect": {
      const { pathname, search } = new URL(asked.url);
      return new Response(null, { status: 307, headers: { location: `${ELSEWHERE}${pathname}${search}` } });
    }
    case "huge":
      return withBody(await good(), hugeBody);
    case "truncated":
      return withBody(await good(), half);
    case "reset":
      return withBody(await good(), (body) => resetBody(half(body)));
    case "stalled":
      return withBody(await good(), (body) => stalledBody(half(body), signal()));
  }
}

function errorAnswer(fault: EntraFaultAnswer, trace: Trace): Response {
  const code = fault.code ?? CODES[fault.status ?? 0];
  const refusal = code === undefined ? undefined : new Refusal(code);
  const body = refusal &&
    JSON.stringify({ ...refusalBody(refusal, trace), ...(fault.claims !== undefined && { claims: fault.claims }) });
  const retryAfter = fault.retryAfter instanceof Date ? fault.retryAfter.toUTCString() : fault.retryAfter;
  return new Response(fault.body ?? body ?? null, {
    status: fault.status ?? refusal?.status ?? 400,
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
function hugeBody(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const chunk = encoder.encode("a".repeat(50_000));
  let left = TEN_MEGABYTES;
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
