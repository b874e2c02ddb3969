import { MissingJoseError } from "./entra/load_jose.ts";

/** A request that a simulated service received. Plain data; it may hold secrets. */
export interface RecordedRequest {
  /** The HTTP method, in upper case. */
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  /** The path of the URL, without the query. */
  readonly path: string;
  /** The parameters of the URL's query. */
  readonly query: Readonly<Record<string, string>>;
  /** The headers, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The fields of a form that was posted; empty for other bodies. */
  readonly form: Readonly<Record<string, string>>;
  /** The body, as text. */
  readonly body: string;
}

/** A simulated service, which records its requests and can make them fail. The functions do not use `this`. */
export interface SimulatedService<Fault> {
  /** Sends a request to the service without a connection. Pass it as the option `fetch` of a credential. */
  readonly fetch: typeof fetch;
  /**
   * Responds to one request, for a server of your own, such as `Deno.serve(service.handle)`.
   *
   * @param request The request that the server received.
   */
  handle(request: Request): Promise<Response>;
  /**
   * The requests that the service received, in order, including those that failed. Clear it with `requests.length = 0`.
   */
  readonly requests: RecordedRequest[];
  /**
   * Resolves as soon as `requests` has the given number of entries.
   *
   * @param count Number of requests. 1 by default.
   */
  untilRequested(count?: number): Promise<void>;
  /**
   * Makes the next requests fail. Further calls apply to the requests after those.
   *
   * @param fault The failure.
   * @param times Number of requests that fail. 1 by default.
   * @throws {TypeError} The failure has an unknown name or member, or `times` is not a non-negative number.
   */
  failNext(fault: Fault, times?: number): void;
  /** Cancels the remaining failures of `failNext`. */
  recover(): void;
  /**
   * Delays the response to each request from now on.
   *
   * @returns A function that releases the delayed requests and ends the delay.
   */
  hold(): () => void;
}

/** A request that the service is processing. */
export interface Exchange<Fault> {
  readonly request: RecordedRequest;
  /** Returns the fault for this request, or `undefined`, once `hold` no longer delays the response. */
  nextFault(): Promise<Fault | undefined>;
  /**
   * Returns the signal of the caller. A function, because some servers log a warning when the signal of a request is
   * read.
   */
  signal(): AbortSignal;
}

/**
 * Creates a service.
 *
 * @param respond Returns the response to one request.
 * @param checkFault Throws a `TypeError` for an unknown failure.
 */
export function createSimulatedService<Fault>(
  respond: (exchange: Exchange<Fault>) => Promise<Response>,
  checkFault: (fault: Fault) => void,
): SimulatedService<Fault> {
  const requests: RecordedRequest[] = [];
  const faults: { readonly fault: Fault; left: number }[] = [];
  const watchers = new Set<() => void>();
  let gate: Promise<void> | undefined;

  async function receive(request: RecordedRequest, signal: () => AbortSignal): Promise<Response> {
    requests.push(request);
    for (const check of watchers) check();
    try {
      return await respond({ request, nextFault, signal });
    } catch (error) {
      if (!(error instanceof MissingJoseError)) throw error;
      // A response that is not retried: a client would take a rejected promise for a failure of the network.
      return Response.json({ error: "invalid_request", error_description: error.message }, { status: 400 });
    }
  }

  async function nextFault(): Promise<Fault | undefined> {
    const next = faults[0];
    if (next && --next.left <= 0) faults.shift();
    await gate;
    return next?.fault;
  }

  /** Follows redirects as `fetch` does, with method, headers and body, unless the request says otherwise. */
  async function send(request: Request, signal: AbortSignal): Promise<Response> {
    const recorded = await recordRequest(request);
    const response = await receive(recorded, () => signal);
    const location = response.headers.get("location");
    if (!location || request.redirect === "manual") return response;
    if (request.redirect === "error") throw new TypeError("fetch failed: Unexpected redirect (simulated)");
    const { method, headers, form } = recorded;
    const body = method === "POST" ? new URLSearchParams(form) : null;
    return await send(new Request(location, { method, headers, body }), signal);
  }

  return {
    requests,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const signal = init?.signal ?? request.signal;
      if (signal.aborted) throw signal.reason;
      return await abortable(send(request, signal), signal);
    },
    handle: async (request) => receive(await recordRequest(request), () => request.signal),
    untilRequested: (count = 1) =>
      new Promise((resolve) => {
        function check() {
          if (requests.length < count) return;
          watchers.delete(check);
          resolve();
        }
        watchers.add(check);
        check();
      }),
    failNext(fault, times = 1) {
      checkFault(fault);
      if (!(times >= 0)) throw new TypeError('Argument "times" must be a non-negative number');
      if (times > 0) faults.push({ fault, left: times });
    },
    recover() {
      faults.length = 0;
    },
    hold() {
      let open!: () => void;
      const own = gate = new Promise<void>((resolve) => open = resolve);
      return () => {
        if (gate === own) gate = undefined;
        open();
      };
    },
  };
}

/** Reads the whole request. */
async function recordRequest(request: Request): Promise<RecordedRequest> {
  const { method, url, headers } = request;
  const { pathname, searchParams } = new URL(url);
  const body = await request.text();
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  return {
    method,
    url,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: Object.fromEntries(headers),
    body,
    form: isForm ? Object.fromEntries(new URLSearchParams(body)) : {},
  };
}

/** Settles as the promise does, or rejects with the signal's reason as soon as the signal fires. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
