import { fetchDirectly } from "./direct_fetch.ts";
import { missingPermission } from "./permission.ts";
import { detectPlatform } from "./platform.ts";

/**
 * Returns a `fetch` that sends every request to a Unix socket; `undefined` if the runtime has no Unix sockets.
 * Redirects are not followed.
 */
export function unixFetcher(socketPath: string): typeof fetch | undefined {
  if (!["deno", "node", "bun"].includes(detectPlatform())) return undefined;
  return async (input, init) => {
    try {
      return await fetchDirectly(input, init, { socketPath });
    } catch (error) {
      const flag = missingPermission(error, { read: socketPath });
      if (!flag) throw error;
      // Deno needs three permissions, and its error is for one of them.
      throw new TypeError(
        flag.startsWith("Deno")
          ? `Run ${flag} --allow-write=${socketPath} --allow-net=unix:${socketPath}`
          : "Run Node with --allow-net",
      );
    }
  };
}
