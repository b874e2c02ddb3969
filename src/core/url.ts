/** Parses an absolute URL; returns `undefined` where it is none. */
export function parseUrl(text: unknown): URL | undefined {
  // Not `URL.parse`, which Node 20 lacks.
  try {
    return new URL(String(text));
  } catch {
    return undefined;
  }
}

/** Whether the host is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}
