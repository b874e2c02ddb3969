import type { Server, Socket } from "node:net";
import { createWatch } from "./developer_tools/watch.ts";

/** The connections of a server. */
export interface Connections {
  /** Number of connections so far. */
  readonly count: number;
  /** Adds a connection that the server does not report. */
  add(socket: Socket): void;
  /** Resolves as soon as there was a connection and none is open. */
  untilLeft(): Promise<void>;
  /** Stops listening and ends the connections. */
  close(): Promise<void>;
}

/** Follows the connections of a server. */
export function followConnections(server: Server): Connections {
  let count = 0;
  const open = new Set<Socket>();
  const { changed, until } = createWatch();
  server.on("connection", add);

  function add(socket: Socket): void {
    count++;
    open.add(socket);
    socket.on("error", () => {}).on("close", () => {
      open.delete(socket);
      changed();
    });
  }

  return {
    get count() {
      return count;
    },
    add,
    untilLeft: () => until(() => count > 0 && open.size === 0),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
