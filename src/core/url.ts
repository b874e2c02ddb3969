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

/** Returns the text without the given characters at its end. A regular expression would try at each of them anew. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
