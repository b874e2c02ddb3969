import { allowOrigins, answerRequest } from "./answers.ts";
import { createDirectory } from "./directory.ts";
import type { EntraOptions } from "./entra_options.ts";
import { answerWithFault, type EntraFault } from "./faults.ts";
import { correlationIdOf, type EntraRequest, recordRequest } from "./request_record.ts";
import { verify } from "./signing_key.ts";

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
 * const credential = new ClientSecretCredential(tenantId, "my-app", "my-secret", { env: {}, fetch: entra.fetch });
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

  async function respond(asked: EntraRequest, signal: () => AbortSignal): Promise<Response> {
    requests.push(asked);
    for (const look of watchers) look();
    if (asked.method === "OPTIONS") return allowOrigins(new Response(null));
    const fault = takeFault();
    await gate;
    const trace = { traceId: crypto.randomUUID(), correlationId: correlationIdOf(asked), time: directory.now() };
    const good = () => answerRequest(asked, trace, directory);
    return allowOrigins(fault ? await answerWithFault(fault, { asked, signal, trace, good }) : await good());
  }

  function takeFault(): EntraFault | undefined {
    const next = faults[0];
    if (next && --next.left <= 0) faults.shift();
    return next?.fault;
  }

  /** As `fetch` does: follows redirects with all that was sent, unless told otherwise. */
  async function send(request: Request, signal: AbortSignal): Promise<Response> {
    const asked = await recordRequest(request);
    const response = await respond(asked, () => signal);
    const location = response.headers.get("location");
    if (!location || request.redirect === "manual") return response;
    if (request.redirect === "error") throw new TypeError("fetch failed: Unexpected redirect (simulated)");
    const { method, headers, form } = asked;
    const body = method === "POST" ? new URLSearchParams(form) : null;
    return await send(new Request(location, { method, headers, body }), signal);
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
    handle: async (request) => respond(await recordRequest(request), () => request.signal),
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

/** Settles as the work does, or rejects with the signal's reason as soon as it fires. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
