import { type RecordedRequest, recordRequest } from "./request_record.ts";

/** How a simulated service is reached, watched and made to fail. Its functions need no `this`. */
export interface SimulatedService<Fault> {
  /** Hand it in as `fetch`: it opens no connection. */
  readonly fetch: typeof fetch;
  /** Answers one request, for a server of your own, such as `Deno.serve(service.handle)`. */
  handle(request: Request): Promise<Response>;
  /** What it was asked, in order; also what it failed to answer. Empty it with `requests.length = 0`. */
  readonly requests: RecordedRequest[];
  /** Resolves as soon as `requests` has so many entries. Default: 1. */
  untilRequested(count?: number): Promise<void>;
  /** Fails the next requests, after those that were to fail already. Default: one request. */
  failNext(fault: Fault, times?: number): void;
  /** Takes back what `failNext` has left. */
  recover(): void;
  /** Lets requests wait from now on, each before its answer. Call what it returns to answer them. */
  hold(): () => void;
}

/** One request on its way to its answer. */
export interface Exchange<Fault> {
  readonly asked: RecordedRequest;
  /** Takes the fault that is due, and waits while requests are held. */
  next(): Promise<Fault | undefined>;
  /** The caller's wish to leave. Not to be asked for before it is needed: some servers warn of reading it. */
  signal(): AbortSignal;
}

/** Makes a service of what answers one request. */
export function createSimulatedService<Fault>(
  answer: (exchange: Exchange<Fault>) => Promise<Response>,
): SimulatedService<Fault> {
  const requests: RecordedRequest[] = [];
  const faults: { readonly fault: Fault; left: number }[] = [];
  const watchers = new Set<() => void>();
  let gate: Promise<void> | undefined;

  async function respond(asked: RecordedRequest, signal: () => AbortSignal): Promise<Response> {
    requests.push(asked);
    for (const look of watchers) look();
    return await answer({ asked, next, signal });
  }

  async function next(): Promise<Fault | undefined> {
    const due = faults[0];
    if (due && --due.left <= 0) faults.shift();
    await gate;
    return due?.fault;
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
