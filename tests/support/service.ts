/**
 * A token service that is one function, for tests that need an answer no honest service gives, and what they hand to a credential.
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

/** A request as the service saw it. */
export interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  readonly form: Readonly<Record<string, string>>;
  readonly redirect: RequestRedirect | undefined;
  readonly signal: AbortSignal;
}

/** A service and what it was asked, in order. */
export interface Service {
  readonly fetch: typeof fetch;
  readonly requests: readonly Asked[];
  /** Resolves as soon as so many requests have come. */
  untilRequested(count: number): Promise<void>;
}

/** Makes a service of the function that answers; it gets each request and how many there were before. */
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

/** A good answer: a token that lives an hour. */
export function tokenAnswer(members: Record<string, unknown> = {}): Response {
  return jsonAnswer({ token_type: "Bearer", expires_in: 3600, access_token: "a-token", ...members });
}

/** An answer whose body is JSON. */
export function jsonAnswer(body: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(body), {
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

/** Never answers, and leaves with the signal as `fetch` does. */
export function silence({ signal }: Asked): Promise<Response> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

/**
 * The options of a credential that lives in the test alone: this service, this clock, no variables of the process, and no waits between
 * attempts. `waitUntil` makes edge isolates share requests and refresh behind the caller, as the others do.
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

/** What a rejected promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("It did not fail");
}

/** Lets what became possible happen: a turn of the event loop. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
