/**
 * A token service that is simulated by one function, for tests with unusual responses, and the options for its
 * credentials.
 *
 * @module
 */
import type { CredentialOptions } from "@azweb/identity";
import type { FakeClock } from "@azweb/identity/testing";
import { createWatch } from "./developer_tools/watch.ts";

export const TENANT = "11111111-2222-3333-4444-555555555555";
export const CLIENT = "99999999-8888-7777-6666-555555555555";
export const SCOPE = "https://storage.azure.com/.default";
export const TOKEN_ENDPOINT: string = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`;

/** A request that a service received. */
export interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  readonly form: Readonly<Record<string, string>>;
  readonly redirect: RequestRedirect | undefined;
  readonly signal: AbortSignal;
}

/** A service and its requests, in order. */
export interface Service {
  readonly fetch: typeof fetch;
  readonly requests: readonly Asked[];
  /** Resolves as soon as the service has received `count` requests. */
  untilRequested(count: number): Promise<void>;
}

/**
 * Creates a service from a function that returns its responses. The function gets each request and the number of
 * previous ones.
 */
export function createService(answer: (asked: Asked, index: number) => unknown = () => tokenAnswer()): Service {
  const requests: Asked[] = [];
  const { changed, until } = createWatch();
  // deno-lint-ignore require-await
  async function fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const body = String(init.body ?? "");
    const asked: Asked = {
      url: String(input),
      method: init.method ?? "GET",
      headers: new Headers(init.headers),
      body,
      form: Object.fromEntries(new URLSearchParams(body)),
      redirect: init.redirect,
      signal: init.signal!,
    };
    requests.push(asked);
    changed();
    return answer(asked, requests.length - 1) as Response;
  }
  return {
    fetch: fetch as typeof globalThis.fetch,
    requests,
    untilRequested: (count) => until(() => requests.length >= count),
  };
}

/** Returns a valid token response with a lifetime of an hour. */
export function tokenAnswer(members: Record<string, unknown> = {}): Response {
  return jsonAnswer({ token_type: "Bearer", expires_in: 3600, access_token: "a-token", ...members });
}

/** Returns a response with a JSON body. */
export function jsonAnswer(body: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(body), {
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

/** Never responds, and rejects like `fetch` when the signal aborts. */
export function silence({ signal }: Asked): Promise<Response> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

/**
 * Returns the options of a credential that is isolated from the machine: with this service and clock, and without
 * environment variables or delays between attempts. With `waitUntil`, edge isolates share requests and refresh in the
 * background, like other runtimes.
 */
export function isolatedOptions(service: Pick<Service, "fetch">, clock?: FakeClock): CredentialOptions {
  return {
    fetch: service.fetch,
    localFetch: service.fetch,
    env: {},
    retryOptions: { retryDelayInMs: 0 },
    waitUntil() {},
    ...clock && { runtime: clock },
  };
}

/** Returns the error with which a promise rejects. Fails if it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("The promise did not reject");
}

/** Waits for a turn of the event loop, so that other work can proceed. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
