import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

/** A running server. */
export interface HttpsServer {
  /** The URL, such as `"https://localhost:40123"`. */
  readonly url: string;
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/**
 * Serves a `Request => Response` function over TLS on a free port of this machine. The signal of a request aborts when
 * the response has been sent or the client has disconnected.
 */
export async function serveHttps(
  handle: (request: Request) => Promise<Response>,
  tls: Required<Pick<ServerOptions, "cert" | "key">>,
): Promise<HttpsServer> {
  const server = createServer(tls, async (incoming, outgoing) => {
    const { method = "GET", headers } = incoming;
    const end = new AbortController();
    outgoing.on("close", () => end.abort());
    try {
      // Fails if the client disconnects before its request has ended.
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const request = new Request(`https://${headers.host}${incoming.url}`, {
        method,
        headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
        body: method === "GET" || method === "HEAD" ? null : new Blob(chunks),
        signal: end.signal,
      });
      const response = await handle(request);
      const body = new Uint8Array(await response.arrayBuffer());
      outgoing.writeHead(response.status, [...response.headers].flat()).end(body);
    } catch {
      // The client has disconnected, or the handler has rejected in order to close the connection without a response.
      outgoing.destroy();
    }
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
