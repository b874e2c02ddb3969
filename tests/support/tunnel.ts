import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** A proxy for one host. */
export interface Tunnel {
  /** The value for `HTTPS_PROXY`, without a user. */
  readonly url: string;
  /** The hosts that clients requested, each with its port, and the user if they sent one. */
  readonly requests: readonly string[];
  /** Stops listening and ends its connections. */
  close(): Promise<void>;
}

/**
 * Starts a proxy that connects requests for this host to a port of this machine, and rejects all others. With `user`,
 * such as `"user:password"`, it requires Basic authentication (RFC 7617).
 */
export async function startTunnel(host: string, port: number, { user }: { user?: string } = {}): Promise<Tunnel> {
  const open = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer().on("connect", ({ url, headers }, client: Socket, head) => {
    open.add(client.on("error", () => {}));
    const [scheme, credentials = ""] = headers["proxy-authorization"]?.split(" ") ?? [];
    const given = atob(credentials);
    requests.push([url, given].filter(Boolean).join(" "));
    if (user !== undefined && (scheme !== "Basic" || given !== user)) {
      const head = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=test\r\n";
      return void client.end(`${head}Content-Length: 0\r\n\r\n`);
    }
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
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
