import { builtinModule } from "./builtin_module.ts";
import type { TlsTrust } from "./runtime.ts";

interface Emitter {
  on(event: string, listener: (value: never) => void): this;
}

interface Socket extends Emitter {
  destroy(error?: unknown): void;
  getPeerCertificate(): { fingerprint?: string } | null;
}

interface Outgoing extends Emitter {
  path: string;
  removeHeader(name: string): void;
  end(body?: Uint8Array): void;
}

interface Incoming extends Emitter {
  statusCode: number;
  rawHeaders: string[];
}

const WITHOUT_BODY = [204, 205, 304];

/**
 * Sends a request over a connection of its own, which no proxy gets to see. The `fetch` of a runtime sends everything to the proxy that a
 * variable names: for loopback and link-local addresses too, where the proxy would find itself. Redirects are not followed.
 */
export async function fetchDirectly(
  input: Parameters<typeof fetch>[0],
  init?: RequestInit,
  trust: TlsTrust = {},
): Promise<Response> {
  const request = new Request(input, init);
  const { method, headers } = request;
  const body = new Uint8Array(await request.arrayBuffer());
  // Not the request's own, which follows the given one for no longer than it is held.
  const signal = init?.signal ?? request.signal;
  return await exchange({ url: new URL(request.url), method, headers, body, signal }, trust);
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
    const [network, port, connected] = url.protocol === "https:"
      ? ["node:tls", 443, "secureConnect"] as const
      : ["node:net", 80, "connect"] as const;
    const socket = builtinModule<{ connect(options: object): Socket }>(network).connect({
      host,
      port: Number(url.port || port),
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
    }).on(connected, send);

    function leave(): void {
      reject(signal.reason);
      socket.destroy(signal.reason);
    }

    function fail(cause: Error & { code?: string; syscall?: string }): void {
      socket.destroy();
      // Deno refuses an address by this name, and the name of a host as if the system did.
      if (cause.name === "UntrustedServer") return reject(cause);
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
          const error = new Error(`The thumbprint of the server's certificate is "${found}", not "${wanted}"`);
          return fail(Object.assign(error, { name: "UntrustedServer" }));
        }
      }
      const path = url.pathname + url.search;
      const outgoing = builtinModule<{ request(options: object): Outgoing }>("node:http").request({
        createConnection: () => socket,
        host,
        method,
        path,
        headers: { ...Object.fromEntries(headers), host: url.host },
      });
      // With NODE_USE_ENV_PROXY Deno writes for the proxy all the same, whose password is nobody else's business.
      outgoing.path = path;
      for (const name of ["proxy-authorization", "proxy-connection"]) outgoing.removeHeader(name);
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

/** Returns a thumbprint without what may stand between its digits. */
export function digits(thumbprint: string): string {
  return thumbprint.replace(/[:\s]/g, "").toLowerCase();
}
