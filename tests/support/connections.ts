import type { Server, Socket } from "node:net";
import { createWatch } from "./developer_tools/watch.ts";

/** The connections of a server. */
export interface Connections {
  /** How many have come. */
  readonly count: number;
  /** Takes in one that the server does not tell of. */
  add(socket: Socket): void;
  /** Resolves as soon as one has come and none is left. */
  untilLeft(): Promise<void>;
  /** Stops listening and ends them. */
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
