import { env } from "./env.ts";
import { detectPlatform } from "./platform.ts";

/**
 * Sends a request to a remote host by the global `fetch`, on Node through the proxy that the variables of the process
 * name. The `fetch` of Deno and of Bun uses that proxy itself.
 */
export async function fetchRemotely(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
  // As in curl, the variable in lower case takes precedence, and an empty one is ignored. HTTP_PROXY is not used,
  // because it is for `http:`, which only requests to loopback addresses use.
  const variable = detectPlatform() === "node" ? ["https_proxy", "HTTPS_PROXY"].find(env) : undefined;
  // The global `fetch` is looked up at each call, because a page or a test may replace it.
  if (!variable) return await fetch(input, init);
  const { fetchThroughProxy } = await import("./proxy_fetch.ts");
  return await fetchThroughProxy(input, init, variable);
}
