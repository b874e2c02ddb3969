/** Parses an absolute URL; returns `undefined` if it is malformed. */
export function parseUrl(text: unknown): URL | undefined {
  // Not `URL.parse`, which Node 20 lacks.
  try {
    return new URL(String(text));
  } catch {
    return undefined;
  }
}

/** Whether the host is a loopback address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}
