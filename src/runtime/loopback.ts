import { builtinModule } from "./builtin_module.ts";
import { detectPlatform } from "./platform.ts";
import type { LoopbackServer, Runtime } from "./runtime.ts";

const MOST_BYTES = 65_536;
const SLOW_IN_MS = 10_000;

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
  on(event: "finish", listener: () => void): this;
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
  createServer(options: object, listener: (incoming: Incoming, outgoing: Outgoing) => void): Server;
}

/** Returns what serves programs of this machine alone; `undefined` where nothing can. */
export function loopbackListener(): Runtime["listen"] {
  return ["deno", "node", "bun"].includes(detectPlatform()) ? listen : undefined;
}

async function listen(
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const answered = new WeakSet<Socket>();
  const first = await start("127.0.0.1", port);
  const { port: found } = first.address();
  // A browser may take "localhost" for either; a machine may have one only.
  const second = await start("::1", found).catch(() => undefined);
  return {
    port: found,
    close() {
      first.close();
      second?.close();
      // Whoever has an answer gets all of it; nobody else keeps the program alive.
      for (const socket of sockets) if (!answered.has(socket)) socket.destroy();
    },
  };

  function start(host: string, port: number): Promise<Server> {
    const { createServer } = builtinModule<Http>("node:http");
    const limits = { headersTimeout: SLOW_IN_MS, requestTimeout: SLOW_IN_MS };
    const server = createServer(limits, (incoming, outgoing) => {
      answer(incoming, outgoing).catch(() => incoming.socket.destroy());
    });
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => void sockets.delete(socket));
    });
    return new Promise((resolve, reject) => {
      server.on("error", reject).once("listening", () => resolve(server)).listen(port, host);
    });
  }

  async function answer(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const response = await respond(incoming);
    answered.add(incoming.socket);
    outgoing.on("finish", () => void sockets.delete(incoming.socket));
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), connection: "close" });
    outgoing.end(await response.text());
  }

  async function respond(incoming: Incoming): Promise<Response> {
    const { method, headers } = incoming;
    const bodyless = method === "GET" || method === "HEAD";
    const body = bodyless ? undefined : await readText(incoming);
    if (body === null) return new Response(null, { status: 413 });
    let url: string;
    try {
      url = new URL(incoming.url, `http://${headers.host}`).href;
    } catch {
      return new Response(null, { status: 400 });
    }
    const type = headers["content-type"];
    const init = { method, headers: type ? { "content-type": type } : {}, ...body !== undefined && { body } };
    return await handler(new Request(url, init));
  }
}

/** Returns the body; `null` where it is too long. */
async function readText(incoming: Incoming): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
