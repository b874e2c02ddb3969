import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** A proxy for one host. */
export interface Tunnel {
  /** The value for `HTTPS_PROXY`. */
  readonly url: string;
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/** Starts a proxy that connects requests for this host to a port of this machine, and rejects all others. */
export async function startTunnel(host: string, port: number): Promise<Tunnel> {
  const open = new Set<Socket>();
  const server = createServer().on("connect", ({ url }, client: Socket, head) => {
    open.add(client.on("error", () => {}));
    if (url !== `${host}:443`) return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const service = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      service.write(head);
      service.pipe(client).pipe(service);
    });
    open.add(service.on("error", () => {}));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
