import { builtinModule } from "./builtin_module.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, TlsTrust } from "./runtime.ts";

interface Emitter {
  on(event: string, listener: (value: never) => void): this;
}

interface Socket extends Emitter {
  destroy(error?: unknown): void;
  getPeerCertificate(): { fingerprint?: string } | null;
}

interface Outgoing extends Emitter {
  end(body?: Uint8Array): void;
}

interface Incoming extends Emitter {
  statusCode: number;
  rawHeaders: string[];
}

const WITHOUT_BODY = [204, 205, 304];

/**
 * Returns what makes a `fetch` with a trust of its own; `undefined` where there is none. Nothing of a request is sent before the server
 * is trusted. Redirects are not followed, and each request has its own connection.
 */
export function tlsFetcher(): Runtime["tlsFetch"] {
  return ["deno", "node", "bun"].includes(detectPlatform()) ? createTlsFetch : undefined;
}

function createTlsFetch(trust: TlsTrust): typeof fetch {
  const { ca, thumbprint } = trust;
  // Node takes an empty text for the authorities of the system.
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError('"ca" must be certificates as PEM text');
  }
  if (thumbprint !== undefined && !/^[\da-f]{40}$/.test(digits(thumbprint))) {
    throw new TypeError('"thumbprint" must be 40 hexadecimal digits, the certificate\'s SHA-1 digest');
  }
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (url.protocol !== "https:") {
      throw new TypeError(`Cannot reach "${url.host}" securely: The URL must have "https:"`);
    }
    const { method, headers } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    // Not the request's own, which follows the given one for no longer than it is held.
    const signal = init?.signal ?? request.signal;
    return await exchange({ url, method, headers, body, signal }, trust);
  };
}

function exchange(
  { url, method, headers, body, signal }: {
    readonly url: URL;
    readonly method: string;
    readonly headers: Headers;
    readonly body: Uint8Array;
    readonly signal: AbortSignal;
  },
  { ca, serverName, thumbprint }: TlsTrust,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const isAddress = /:|^[\d.]+$/.test(host);
    const socket = builtinModule<{ connect(options: object): Socket }>("node:tls").connect({
      host,
      port: Number(url.port || 443),
      // Names only: an address is checked as what it is.
      servername: serverName ?? (isAddress ? undefined : host),
      ca,
      // Said in any case, because a variable can switch it off.
      rejectUnauthorized: thumbprint === undefined,
    });
    signal.addEventListener("abort", leave, { once: true });
    socket.on("error", fail).on("close", () => {
      signal.removeEventListener("abort", leave);
      fail(new Error("The connection ended before the answer"));
    }).on("secureConnect", send);

    function leave(): void {
      reject(signal.reason);
      socket.destroy(signal.reason);
    }

    function fail(cause: Error & { code?: string; syscall?: string }): void {
      socket.destroy();
      // Deno refuses an address by this name, and the name of a host as if the system did.
      const isForbidden = cause.name === "NotCapable" || cause.code === "EPERM" && cause.syscall === "getaddrinfo";
      const error = new TypeError(`Cannot reach "${url.host}"`, { cause });
      if (isForbidden) error.name = "NotCapable";
      reject(error);
    }

    function send(): void {
      if (thumbprint !== undefined) {
        const { fingerprint = "none" } = socket.getPeerCertificate() ?? {};
        const [found, wanted] = [fingerprint, thumbprint].map(digits);
        if (found !== wanted) {
          return fail(new Error(`The thumbprint of the server's certificate is "${found}", not "${wanted}"`));
        }
      }
      const outgoing = builtinModule<{ request(options: object): Outgoing }>("node:http").request({
        createConnection: () => socket,
        host,
        method,
        path: url.pathname + url.search,
        headers: { ...Object.fromEntries(headers), host: url.host },
      });
      outgoing.on("error", fail).on("response", receive);
      outgoing.end(body);
    }

    function receive(incoming: Incoming): void {
      incoming.on("close", () => socket.destroy());
      try {
        resolve(toResponse(incoming));
      } catch (error) {
        fail(error as Error);
      }
    }
  });
}

function toResponse(incoming: Incoming): Response {
  const { statusCode: status, rawHeaders } = incoming;
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  const { Readable } = builtinModule<{ Readable: { toWeb(incoming: Incoming): ReadableStream } }>("node:stream");
  return new Response(WITHOUT_BODY.includes(status) ? null : Readable.toWeb(incoming), { status, headers });
}

function digits(thumbprint: string): string {
  return thumbprint.replace(/[:\s]/g, "").toLowerCase();
}
