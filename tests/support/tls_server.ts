/**
 * A TLS server that records what it received and the state of its connections.
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
  /** The decrypted data that it received; empty if no client trusts the server. */
  readonly received: string;
  /** The server names that clients sent (SNI). */
  readonly names: readonly (string | false | null)[];
  /** Resolves as soon as there was a connection and none is open. */
  untilLeft(): Promise<void>;
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/** Serves over TLS. `answer` gets each chunk of text. */
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
