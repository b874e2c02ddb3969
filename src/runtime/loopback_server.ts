import { builtinModule } from "./builtin_module.ts";
import { notCapable } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import { hasNetPermission } from "./query_permission.ts";
import { readText } from "./read_text.ts";
import type { LoopbackServer, Runtime, RuntimeOverrides } from "./runtime.ts";

const MAX_BYTES = 65_536;
const REQUEST_TIMEOUT_IN_MS = 5_000;
const MAX_ATTEMPTS = 10;

interface Socket {
  destroy(): void;
  on(event: "close", listener: () => void): this;
}

interface Incoming extends AsyncIterable<Uint8Array> {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly socket: Socket;
}

interface Outgoing {
  writeHead(status: number, headers: Readonly<Record<string, string>>): this;
  end(body: string): void;
}

interface Server {
  listen(port: number, host: string): this;
  address(): { readonly port: number };
  close(): void;
  once(event: "listening", listener: () => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "connection", listener: (socket: Socket) => void): this;
}

interface Http {
  createServer(listener: (incoming: Incoming, outgoing: Outgoing) => void): Server;
}

/** Returns the `listen` of the overrides, or of this runtime; `undefined` if it cannot listen. */
export function loopbackListener(runtime: RuntimeOverrides = {}): Runtime["listen"] {
  if (runtime.listen) return runtime.listen.bind(runtime);
  return ["deno", "node", "bun"].includes(detectPlatform()) ? listen : undefined;
}

async function listen(handler: (request: Request) => Response | Promise<Response>, port = 0): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const requested = new WeakSet<Socket>();
  const servers = await startBoth(MAX_ATTEMPTS);
  return {
    port: servers[0]!.address().port,
    close() {
      for (const server of servers) server.close();
      // A client that has sent its request gets the whole response; the other connections must not keep the process
      // alive.
      for (const socket of sockets) if (!requested.has(socket)) socket.destroy();
    },
  };

  /**
   * Listens on both addresses, because a browser may resolve "localhost" to either. A machine may have one of them
   * only.
   */
  async function startBoth(attempts: number): Promise<Server[]> {
    if (!hasNetPermission(`http://127.0.0.1:${port}`)) {
      // Node would throw its own error outside of the promise, which ends the process.
      throw notCapable({ net: "127.0.0.1,[::1]" });
    }
    const first = await start("127.0.0.1", port);
    const { port: assigned } = first.address();
    if (!hasNetPermission(`http://[::1]:${assigned}`)) return [first];
    try {
      return [first, await start("::1", assigned)];
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EADDRINUSE") return [first];
      // Another program listens on the other address and could receive the requests for this one.
      first.close();
      if (port !== 0 || attempts <= 1) throw error;
      return await startBoth(attempts - 1);
    }
  }

  function start(host: string, port: number): Promise<Server> {
    const { createServer } = builtinModule<Http>("node:http");
    const server = createServer((incoming, outgoing) => {
      // Read now: on Deno the property is `null` after the connection has been closed.
      const { socket } = incoming;
      respond(incoming, outgoing).catch(() => socket.destroy());
    });
    server.on("connection", (socket) => {
      sockets.add(socket);
      // Deno and Bun lack the timeouts of Node, and Node checks them every 30 seconds only.
      const timer = setTimeout(() => requested.has(socket) || socket.destroy(), REQUEST_TIMEOUT_IN_MS);
      socket.on("close", () => {
        sockets.delete(socket);
        clearTimeout(timer);
      });
    });
    return new Promise((resolve, reject) => {
      server.on("error", reject).once("listening", () => resolve(server)).listen(port, host);
    });
  }

  async function respond(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const response = await handle(incoming);
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), connection: "close" });
    outgoing.end(await response.text());
  }

  async function handle(incoming: Incoming): Promise<Response> {
    const { method, headers, socket } = incoming;
    const hasNoBody = method === "GET" || method === "HEAD";
    const body = hasNoBody ? null : await readBody(incoming);
    requested.add(socket);
    if (body === undefined) return new Response(null, { status: 413 });
    let url: string;
    try {
      // Only a path: an absolute URL, or two slashes, would name another host.
      if (!incoming.url.startsWith("/") || incoming.url.startsWith("//")) return new Response(null, { status: 400 });
      url = new URL(`http://${headers.host}${incoming.url}`).href;
    } catch {
      return new Response(null, { status: 400 });
    }
    const type = headers["content-type"];
    const init: RequestInit = { method, headers: type ? { "content-type": type } : {}, body };
    return await handler(new Request(url, init));
  }
}

/** Returns the body; `undefined` if it is too long. */
async function readBody(incoming: Incoming): Promise<string | undefined> {
  // A request that announces its length gets a response; for any other, the connection is closed.
  if (Number(incoming.headers["content-length"]) > MAX_BYTES) return undefined;
  const chunks = incoming[Symbol.asyncIterator]();
  const text = await readText(() => chunks.next(), MAX_BYTES);
  if (text === undefined) await chunks.return?.();
  return text;
}
