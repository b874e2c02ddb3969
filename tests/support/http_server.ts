import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { followConnections } from "./connections.ts";

/** A server that listens on 127.0.0.1. */
export interface HttpServer {
  /** The URL, such as `"http://127.0.0.1:40123"`. */
  readonly url: string;
  /** Number of connections so far. */
  readonly connections: number;
  /** Resolves as soon as there was a connection and none is open. */
  untilLeft(): Promise<void>;
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/**
 * Serves a `Request => Response` function on a free port. Streams the body of the response. If the body fails or the
 * function rejects, the connection is closed. Can also act as a proxy, which receives absolute URLs.
 */
export async function serveHttp(handle: (request: Request) => Promise<Response>): Promise<HttpServer> {
  const server = createServer(async (incoming, outgoing) => {
    const controller = new AbortController();
    outgoing.on("error", () => {}).on("close", () => controller.abort());
    const { method = "GET", headers } = incoming;
    try {
      // Rejects if the client disconnects before the end of its request, as a browser does when its window is closed.
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const response = await handle(
        new Request(new URL(incoming.url!, `http://${headers.host}`), {
          method,
          headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
          body: method === "GET" || method === "HEAD" ? null : new Blob(chunks),
          signal: controller.signal,
        }),
      );
      outgoing.writeHead(response.status, [...response.headers].flat());
      outgoing.flushHeaders();
      for await (const chunk of Readable.fromWeb(response.body as never ?? new Blob([]).stream() as never)) {
        if (outgoing.destroyed) break;
        if (outgoing.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          outgoing.once("drain", resolve);
          controller.signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      outgoing.end();
    } catch {
      outgoing.destroy();
    }
  });
  const connections = followConnections(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections.count;
    },
    untilLeft: connections.untilLeft,
    close: connections.close,
  };
}
