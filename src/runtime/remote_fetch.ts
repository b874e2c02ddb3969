import { env } from "./env.ts";
import { detectPlatform } from "./platform.ts";

/**
 * Sends a request to a remote host by the global `fetch`, on Node through the proxy that the variables of the process
 * name. The `fetch` of Deno and of Bun uses that proxy itself.
 */
export async function fetchRemotely(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
  // As in curl: the one in lower case first, and not one that is empty. HTTP_PROXY is for `http:`, the scheme of
  // loopback addresses only.
  const variable = detectPlatform() === "node" ? ["https_proxy", "HTTPS_PROXY"].find(env) : undefined;
  // Looked up at each call: a page or a test may replace the global one.
  if (!variable) return await fetch(input, init);
  const { fetchThroughProxy } = await import("./proxy_fetch.ts");
  return await fetchThroughProxy(input, init, variable);
}
