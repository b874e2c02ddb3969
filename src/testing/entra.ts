import { Refusal, refusalBody, type Trace } from "./aadsts.ts";
import { createDirectory, type Directory } from "./directory.ts";
import { answerInstanceDiscovery, openidConfiguration } from "./discovery.ts";
import type { EntraOptions } from "./entra_options.ts";
import { answerWithFault, type EntraFault } from "./faults.ts";
import { publishedKeys, verify } from "./signing_key.ts";
import { answerTokenCall } from "./token_endpoint.ts";

/** What the simulated Entra was asked. Plain data; it may hold secrets. */
export interface EntraRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  /** The path of the URL, without the query. */
  readonly path: string;
  /** The headers, names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** The fields of the form that was posted. */
  readonly form: Readonly<Record<string, string>>;
}

/** A simulated Entra: see {@linkcode createEntra}. Its functions need no `this`. */
export interface Entra {
  /** Hand it in as `fetch`: it answers for every host, and opens no connection. */
  readonly fetch: typeof fetch;
  /** Answers one request, for a server of your own, such as `Deno.serve(entra.handle)`. */
  handle(request: Request): Promise<Response>;
  /** What it was asked, in order; also what it failed to answer. Empty it with `requests.length = 0`. */
  readonly requests: EntraRequest[];
  /** Resolves as soon as `requests` has so many entries. Default: 1. */
  untilRequested(count?: number): Promise<void>;
  /** Fails the next requests, after those that were to fail already. Default: one request. */
  failNext(fault: EntraFault, times?: number): void;
  /** Takes back what `failNext` has left. */
  recover(): void;
  /** Lets requests wait from now on, each before its answer. Call what it returns to answer them. */
  hold(): () => void;
  /** Checks the signature and the end of an access or id token, and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/**
 * Makes a simulated Microsoft Entra: a token service that checks what Entra checks, signs real tokens, answers errors as Entra does, fails
 * on demand, and records what it was asked. It needs no network and works on every runtime.
 *
 * It serves, for every host that it is asked as, the token endpoint (`client_credentials`, `password`, `refresh_token`), the metadata, the
 * keys and instance discovery of Entra, and those of Active Directory Federation Services for the tenant `"adfs"`. Throws a `TypeError`
 * for a registration that cannot be.
 *
 * @example A secret and what it gives
 * ```ts
 * import { ClientSecretCredential } from "@azweb/identity";
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const tenantId = "11111111-2222-3333-4444-555555555555";
 * const entra = createEntra({ apps: [{ tenantId, clientId: "my-app", secrets: ["my-secret"] }] });
 *
 * const credential = new ClientSecretCredential(tenantId, "my-app", "my-secret", { fetch: entra.fetch });
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 *
 * assert.equal((await entra.verify(token)).aud, "https://storage.azure.com");
 * assert.equal(entra.requests.length, 1);
 * assert.equal(entra.requests[0]?.form.grant_type, "client_credentials");
 * ```
 *
 * @example An outage
 * ```ts
 * import { createEntra } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const entra = createEntra();
 * entra.failNext({ status: 503, retryAfter: 2 });
 * const response = await entra.fetch("https://login.microsoftonline.com/common/oauth2/v2.0/token", { method: "POST" });
 * assert.equal(response.status, 503);
 * assert.equal(response.headers.get("retry-after"), "2");
 * ```
 */
export function createEntra(options: EntraOptions = {}): Entra {
  const directory = createDirectory(options);
  const requests: EntraRequest[] = [];
  const faults: { readonly fault: EntraFault; left: number }[] = [];
  const watchers = new Set<() => void>();
  let gate: Promise<void> | undefined;

  async function respond(request: Request, signal: () => AbortSignal): Promise<Response> {
    const asked = await record(request);
    requests.push(asked);
    for (const look of watchers) look();
    if (request.method === "OPTIONS") return allowOrigins(new Response(null));
    const fault = takeFault();
    await gate;
    const url = new URL(asked.url);
    const trace = { traceId: crypto.randomUUID(), correlationId: correlationIdOf(asked, url), time: directory.now() };
    const good = () => answer(asked, url, trace, directory);
    return allowOrigins(fault ? await answerWithFault(fault, { url, signal, trace, good }) : await good());
  }

  function takeFault(): EntraFault | undefined {
    const next = faults[0];
    if (next && --next.left <= 0) faults.shift();
    return next?.fault;
  }

  /** As `fetch` does: follows redirects with all that was sent, unless told otherwise. */
  async function send(request: Request, signal: AbortSignal): Promise<Response> {
    const copy = request.clone();
    const response = await respond(request, () => signal);
    const location = response.headers.get("location");
    if (!location || request.redirect === "manual") return response;
    if (request.redirect === "error") throw new TypeError("fetch failed: Unexpected redirect (simulated)");
    return await send(
      new Request(location, { method: copy.method, headers: copy.headers, body: await copy.text() }),
      signal,
    );
  }

  return {
    requests,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const signal = init?.signal ?? request.signal;
      if (signal.aborted) throw signal.reason;
      return await orAbort(send(request, signal), signal);
    },
    // Not before it is needed: some servers warn of reading it.
    handle: (request) => respond(request, () => request.signal),
    untilRequested: (count = 1) =>
      new Promise((resolve) => {
        function look() {
          if (requests.length < count) return;
          watchers.delete(look);
          resolve();
        }
        watchers.add(look);
        look();
      }),
    failNext(fault, times = 1) {
      if (times > 0) faults.push({ fault, left: times });
    },
    recover() {
      faults.length = 0;
    },
    hold() {
      let open!: () => void;
      const mine = gate = new Promise<void>((resolve) => open = resolve);
      return () => {
        if (gate === mine) gate = undefined;
        open();
      };
    },
    verify: (token) => verify(token, directory.now()),
  };
}

async function answer(asked: EntraRequest, url: URL, trace: Trace, directory: Directory): Promise<Response> {
  const [tenant = "", ...rest] = asked.path.slice(1).replace(/\/$/, "").split("/");
  try {
    const body = await route(asked, url, tenant, rest.join("/"), directory);
    return body ? json(200, body, trace) : new Response("Not found", { status: 404 });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Active Directory Federation Services has no codes.
    const body = tenant === "adfs"
      ? { error: error.error, error_description: error.message }
      : refusalBody(error, trace);
    return json(error.status, body, trace);
  }
}

async function route(
  { method, form }: EntraRequest,
  url: URL,
  tenant: string,
  rest: string,
  directory: Directory,
): Promise<Record<string, unknown> | undefined> {
  if (rest === (tenant === "adfs" ? "oauth2/token" : "oauth2/v2.0/token")) {
    if (method !== "POST") throw new Refusal(900561, { method });
    return await answerTokenCall({ url, tenant, form }, directory);
  }
  if (method !== "GET") return undefined;
  if (rest === (tenant === "adfs" ? ".well-known/openid-configuration" : "v2.0/.well-known/openid-configuration")) {
    return openidConfiguration(url, tenant, directory);
  }
  if (rest === (tenant === "adfs" ? "discovery/keys" : "discovery/v2.0/keys")) return { ...await publishedKeys() };
  if (rest === "discovery/instance") return answerInstanceDiscovery(url, directory);
}

function json(status: number, body: Record<string, unknown>, { traceId }: Trace): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "cache-control": "no-store, no-cache",
      "content-type": "application/json; charset=utf-8",
      "x-ms-request-id": traceId,
    },
  });
}

/**
 * Lets every page read the answer, as Entra does. It allows no header beyond those that need no permission, so that a browser that asks
 * before it sends another one is turned down.
 */
function allowOrigins(response: Response): Response {
  response.headers.set("access-control-allow-origin", "*");
  response.headers.set("access-control-allow-methods", "POST, OPTIONS");
  response.headers.set("access-control-expose-headers", "Content-Length,Content-Encoding,x-ms-request-id,x-ms-srs");
  return response;
}

async function record(request: Request): Promise<EntraRequest> {
  const { method, url, headers } = request;
  const text = await request.text();
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  return {
    method,
    url,
    path: new URL(url).pathname,
    headers: Object.fromEntries(headers),
    form: isForm ? Object.fromEntries(new URLSearchParams(text)) : {},
  };
}

function correlationIdOf({ form, headers }: EntraRequest, url: URL): string {
  return form["client-request-id"] ?? url.searchParams.get("client-request-id") ?? headers["client-request-id"] ??
    crypto.randomUUID();
}

/** Settles as the work does, or rejects with the signal's reason as soon as it fires. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
