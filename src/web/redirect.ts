import { isLoopback, parseUrl } from "../core/url.ts";

/** Returns the answer that sends a browser somewhere, with cookies. */
export function redirect(location: string, cookies: readonly string[]): Response {
  // The address that is left may hold a code, which no page may learn of.
  const headers = new Headers({ location, "cache-control": "no-store", "referrer-policy": "no-referrer" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 302, headers });
}

/** Throws a `TypeError` unless browsers may be sent there with a code. */
export function checkRedirectUri(redirectUri: unknown): void {
  const url = typeof redirectUri === "string" ? parseUrl(redirectUri) : undefined;
  const isSecure = url?.protocol === "https:" || url?.protocol === "http:" && isLoopback(url.hostname);
  if (isSecure && !url!.search && !url!.hash && !url!.username && !url!.password) return;
  throw new TypeError(
    'Option "redirectUri" must be a URL of the app with "https:", or with "http:" on localhost, without query and fragment, ' +
      'such as "https://my.app/signed-in"',
  );
}
