/**
 * A server over TLS that shows all that reached it, and that the connections are gone.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Leaf } from "./certificates/certificate_authority.ts";
import { followConnections } from "./connections.ts";

/** A server that listens on 127.0.0.1. */
export interface TlsServer {
  readonly port: number;
  /** What was sent to it, without the encryption: nothing as long as no client trusts it. */
  readonly received: string;
  /** The names that clients asked for (SNI). */
  readonly names: readonly (string | false | null)[];
  /** Resolves as soon as a connection has come and none is left. */
  untilLeft(): Promise<void>;
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/** Serves over TLS; `answer` gets each piece of text that comes. */
export async function serveTls(
  { certificate, key }: Leaf,
  answer: (socket: TLSSocket, text: string) => void,
): Promise<TlsServer> {
  let received = "";
  const names: (string | false | null)[] = [];
  const server = createServer({ cert: certificate, key }, (socket) => {
    names.push((socket as unknown as { servername: string | false | null }).servername);
    socket.on("error", () => {}).on("data", (data) => {
      received += data;
      answer(socket, String(data));
    });
    connections.add(socket);
  });
  server.on("tlsClientError", () => {});
  const connections = followConnections(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get received() {
      return received;
    },
    names,
    untilLeft: connections.untilLeft,
    close: connections.close,
  };
}
