import { isBackground } from "./background.ts";
import { builtinModule } from "./builtin_module.ts";
import { readResponse } from "./http_response.ts";
import { detectPlatform } from "./platform.ts";
import { hasNetPermission } from "./query_permission.ts";
import type { TlsTrust } from "./runtime.ts";

interface Socket extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  on(event: string, listener: (value: never) => void): this;
  write(data: string | Uint8Array, encoding?: string): void;
  destroy(error?: unknown): void;
  unref(): void;
  getPeerCertificate(): { fingerprint?: string } | null;
}

/** The server of a connection: the host of the URL, or a Unix socket. */
interface Peer extends TlsTrust {
  readonly socketPath?: string;
}

/**
 * Sends a request over a connection of its own and never through a proxy. `fetch` would send it to the proxy that an
 * environment variable names, and a loopback or link-local address is then that of the proxy's machine. Redirects are
 * not followed.
 *
 * `node:http` is no alternative: it uses that proxy on Bun before 1.4, and accepts no open connection on Deno before
 * 2.8.
 */
export async function fetchDirectly(
  input: Parameters<typeof fetch>[0],
  init?: RequestInit,
  trust: Peer = {},
): Promise<Response> {
  const request = new Request(input, init);
  // Not the signal of the request: it stops following the given signal when the request is garbage-collected.
  const signal = init?.signal ?? request.signal;
  const url = new URL(request.url);
  const body = new Uint8Array(await request.arrayBuffer());
  if (signal.aborted) throw signal.reason;
  const socket = createSocket(url, trust);
  if (isBackground(signal)) socket.unref();
  const abort = () => socket.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.on("close", () => signal.removeEventListener("abort", abort));
  try {
    await connected(socket, url, trust);
    socket.write(headOf(request, url, body.length), "latin1");
    if (body.length > 0) socket.write(body);
    return await readResponse(socket, request.method);
  } catch (cause) {
    socket.destroy();
    throw signal.aborted ? signal.reason : unreachable(url, cause as Error, trust.socketPath);
  }
}

function createSocket(url: URL, { ca, serverName, thumbprint, socketPath }: Peer): Socket {
  if (socketPath !== undefined) {
    return builtinModule<{ connect(options: object): Socket }>("node:net").connect({ path: socketPath });
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = /:|^[\d.]+$/.test(host);
  const [network, port] = isSecure(url) ? ["node:tls", 443] as const : ["node:net", 80] as const;
  return builtinModule<{ connect(options: object): Socket }>(network).connect({
    host,
    port: Number(url.port || port),
    // For a name only. For an address, the certificate is checked without it.
    servername: serverName ?? (isAddress ? undefined : host),
    ca,
    // Set in any case, because the variable NODE_TLS_REJECT_UNAUTHORIZED can change the default.
    rejectUnauthorized: thumbprint === undefined,
  });
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "https:";
}

/** Resolves when the connection is open and the server is trusted. */
function connected(socket: Socket, url: URL, { thumbprint }: TlsTrust): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on("error", reject)
      .on("close", () => reject(new Error("The connection ended before the response")))
      .on(isSecure(url) ? "secureConnect" : "connect", () => {
        if (thumbprint === undefined) return resolve();
        const { fingerprint = "none" } = socket.getPeerCertificate() ?? {};
        const [actual, expected] = [fingerprint, thumbprint].map(digits);
        if (actual === expected) return resolve();
        const error = new Error(`The thumbprint of the server's certificate is "${actual}", not "${expected}"`);
        reject(Object.assign(error, { name: "UntrustedServer" }));
      });
  });
}

/** Returns the head of a request (RFC 9112, section 3). */
function headOf({ method, headers: given }: Request, url: URL, length: number): string {
  const headers = new Headers(given);
  headers.set("host", url.host);
  headers.set("connection", "close");
  // The body is not decoded.
  headers.set("accept-encoding", "identity");
  headers.delete("transfer-encoding");
  if (length > 0 || method !== "GET" && method !== "HEAD") headers.set("content-length", String(length));
  const fields = [...headers].map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${url.pathname}${url.search} HTTP/1.1`, ...fields, "", ""].join("\r\n");
}

function unreachable(url: URL, cause: Error, socketPath: string | undefined): TypeError {
  const error = new TypeError(`Cannot reach "${socketPath ?? url.host}"`, { cause });
  // Deno reports a missing permission for a host as a failed lookup, and before 2.8 for an address as a refused
  // connection.
  const isDenied = cause.name === "NotCapable" ||
    socketPath === undefined && detectPlatform() === "deno" && !hasNetPermission(url.href);
  if (isDenied) error.name = "NotCapable";
  else if (cause.name === "UntrustedServer") error.name = cause.name;
  return error;
}

/** Returns the digits of a thumbprint in lower case, without the separators between them. */
export function digits(thumbprint: string): string {
  return thumbprint.replace(/[:\s]/g, "").toLowerCase();
}
