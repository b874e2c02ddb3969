import { builtinModule } from "./builtin_module.ts";
import { notCapable } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import { hasNetPermission } from "./query_permission.ts";
import { readText } from "./read_text.ts";
import type { LoopbackServer, Runtime, RuntimeOverrides } from "./runtime.ts";

const MAX_BYTES = 65_536;
const SLOW_IN_MS = 5_000;
const MOST_TRIES = 10;

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

/** Returns what serves programs of this machine alone; `undefined` where nothing can. */
export function loopbackListener(runtime: RuntimeOverrides = {}): Runtime["listen"] {
  if (runtime.listen) return runtime.listen.bind(runtime);
  return ["deno", "node", "bun"].includes(detectPlatform()) ? listen : undefined;
}

async function listen(handler: (request: Request) => Response | Promise<Response>, port = 0): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const asked = new WeakSet<Socket>();
  const servers = await startBoth(MOST_TRIES);
  return {
    port: servers[0]!.address().port,
    close() {
      for (const server of servers) server.close();
      // Whoever has asked gets an answer, and all of it; nobody else keeps the program alive.
      for (const socket of sockets) if (!asked.has(socket)) socket.destroy();
    },
  };

  /** A browser may take "localhost" for either address; a machine may have one only. */
  async function startBoth(tries: number): Promise<Server[]> {
    if (!hasNetPermission(`http://127.0.0.1:${port}`)) {
      // Node would throw its own error outside of the promise, which ends the process.
      throw notCapable({ net: "127.0.0.1,[::1]" });
    }
    const first = await start("127.0.0.1", port);
    const { port: found } = first.address();
    if (!hasNetPermission(`http://[::1]:${found}`)) return [first];
    try {
      return [first, await start("::1", found)];
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EADDRINUSE") return [first];
      // Who has the other one would be sent what is meant for us.
      first.close();
      if (port !== 0 || tries <= 1) throw error;
      return await startBoth(tries - 1);
    }
  }

  function start(host: string, port: number): Promise<Server> {
    const { createServer } = builtinModule<Http>("node:http");
    const server = createServer((incoming, outgoing) => {
      // Deno forgets it as soon as it is gone.
      const { socket } = incoming;
      answer(incoming, outgoing).catch(() => socket.destroy());
    });
    server.on("connection", (socket) => {
      sockets.add(socket);
      // Neither Deno nor Bun has Node's limits, and Node looks at them every half a minute.
      const timer = setTimeout(() => asked.has(socket) || socket.destroy(), SLOW_IN_MS);
      socket.on("close", () => {
        sockets.delete(socket);
        clearTimeout(timer);
      });
    });
    return new Promise((resolve, reject) => {
      server.on("error", reject).once("listening", () => resolve(server)).listen(port, host);
    });
  }

  async function answer(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const response = await respond(incoming);
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), connection: "close" });
    outgoing.end(await response.text());
  }

  async function respond(incoming: Incoming): Promise<Response> {
    const { method, headers, socket } = incoming;
    const bodyless = method === "GET" || method === "HEAD";
    const body = bodyless ? null : await readBody(incoming);
    asked.add(socket);
    if (body === undefined) return new Response(null, { status: 413 });
    let url: string;
    try {
      // A path and nothing else: a whole URL, or two slashes, would put another host in the place of this one.
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
  // With its length in the header, the request gets a response; else its connection is closed.
  if (Number(incoming.headers["content-length"]) > MAX_BYTES) return undefined;
  const chunks = incoming[Symbol.asyncIterator]();
  const text = await readText(() => chunks.next(), MAX_BYTES);
  if (text === undefined) await chunks.return?.();
  return text;
}
