import { digits, fetchDirectly } from "./direct_fetch.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeOverrides, TlsTrust } from "./runtime.ts";

/**
 * Returns the `tlsFetch` of the overrides, or of this runtime; `undefined` if it has none. Nothing of a request is sent
 * before the server is trusted. Redirects are not followed, and each request has a connection of its own.
 */
export function tlsFetcher(runtime: RuntimeOverrides = {}): Runtime["tlsFetch"] {
  if (runtime.tlsFetch) return runtime.tlsFetch.bind(runtime);
  return ["deno", "node", "bun"].includes(detectPlatform()) ? createTlsFetch : undefined;
}

function createTlsFetch(trust: TlsTrust): typeof fetch {
  const { ca, thumbprint } = trust;
  // With an empty string, Node trusts the authorities of the system.
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError('"ca" must be certificates in PEM format');
  }
  if (thumbprint !== undefined && !/^[\da-f]{40}$/.test(digits(thumbprint))) {
    throw new TypeError('"thumbprint" must be 40 hexadecimal digits, the certificate\'s SHA-1 digest');
  }
  return async (input, init) => {
    const request = new Request(input, init);
    const { host, protocol } = new URL(request.url);
    if (protocol !== "https:") {
      throw new TypeError(`Cannot reach "${host}" securely: The URL must have "https:"`);
    }
    return await fetchDirectly(request, { signal: init?.signal ?? request.signal }, trust);
  };
}
