import { createEntra } from "@azweb/identity/testing";
import { serveHttps } from "../../tests/support/https_server.ts";

/** A simulated Entra behind HTTPS, with short-lived tokens, which fails at random. */
export interface Cloud {
  readonly url: string;
  readonly requests: number;
  readonly faults: number;
  /** The largest number of concurrent requests for the same token, by resource. */
  readonly handled: ReadonlyMap<string, number>;
  /** The same number, without requests whose client has closed the connection. */
  readonly connected: ReadonlyMap<string, number>;
  /** Begins or ends an outage, in which every request fails. */
  setDown(isDown: boolean): void;
  close(): Promise<void>;
}

/** What {@linkcode startCloud} accepts. */
export interface CloudOptions {
  readonly tenantId: string;
  readonly secret: string;
  readonly apps: readonly string[];
  readonly lifetimeInMs: number;
  /** The share of the requests that fail, from 0 to 1. */
  readonly faultRate: number;
  readonly tls: { readonly cert: string; readonly key: string };
}

/** Unless the service is down, the third request for a token succeeds, so that the library must not return an error. */
const MOST_FAULTS_IN_SEQUENCE = 2;
/** Longer than the first time limit of a request. */
const SILENCE_IN_MS = 12_000;
/** The time without random faults after an outage, so that calls that have already used retries succeed. */
const RECOVERY_IN_MS = 10_000;
const FAULTS = ["500", "503", "429", "reset", "slow", "silent"] as const;

/** Starts the service on a free port. */
export async function startCloud(
  { tenantId, secret, apps, lifetimeInMs, faultRate, tls }: CloudOptions,
): Promise<Cloud> {
  const entra = createEntra({
    apps: apps.map((clientId) => ({ tenantId, clientId, secrets: [secret] })),
    tokenLifetimeInMs: lifetimeInMs,
  });
  const handled = countConcurrent();
  const connected = countConcurrent();
  const inSequence = new Map<string, number>();
  let requests = 0;
  let faults = 0;
  /** When the last outage ends, in milliseconds since the epoch. */
  let downUntil = 0;

  async function respond(request: Request, key: string): Promise<Response> {
    if (Date.now() < downUntil) return new Response(null, { status: 503 });
    const before = inSequence.get(key) ?? 0;
    if (Date.now() < downUntil + RECOVERY_IN_MS || Math.random() >= faultRate || before >= MOST_FAULTS_IN_SEQUENCE) {
      inSequence.delete(key);
      return await entra.handle(request);
    }
    faults++;
    inSequence.set(key, before + 1);
    const fault = FAULTS[Math.floor(Math.random() * FAULTS.length)]!;
    switch (fault) {
      case "reset":
        throw new Error("The connection is closed without a response");
      case "silent":
        await sleep(SILENCE_IN_MS);
        throw new Error("The connection is closed without a response");
      case "slow":
        await sleep(3000);
        return await entra.handle(request);
      case "429":
        return new Response(null, { status: 429, headers: { "retry-after": "1" } });
      default:
        return new Response(null, { status: Number(fault) });
    }
  }

  const server = await serveHttps(async (request) => {
    const form = new URLSearchParams(await request.clone().text());
    const resource = String(form.get("scope")).replace("/.default", "");
    const key = `${form.get("client_id")} ${resource}`;
    requests++;
    request.signal.addEventListener("abort", connected.begin(resource, key), { once: true });
    const end = handled.begin(resource, key);
    try {
      return await respond(request, key);
    } finally {
      end();
      // The recorded requests are not used.
      entra.requests.length = 0;
    }
  }, tls);
  return {
    url: server.url,
    get requests() {
      return requests;
    },
    get faults() {
      return faults;
    },
    handled: handled.most,
    connected: connected.most,
    setDown: (isDown) => void (downUntil = isDown ? Infinity : Date.now()),
    close: server.close,
  };
}

/** Counts the concurrent requests of each key, and keeps the largest number by resource. */
function countConcurrent() {
  const counts = new Map<string, number>();
  const most = new Map<string, number>();
  return {
    most,
    /** Returns a function that ends the request. */
    begin(resource: string, key: string): () => void {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      most.set(resource, Math.max(most.get(resource) ?? 0, count));
      return () => void counts.set(key, counts.get(key)! - 1);
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
