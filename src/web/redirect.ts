import { isLoopback, parseUrl } from "../core/url.ts";

/** Returns a redirect with cookies. */
export function redirect(location: string, cookies: readonly string[]): Response {
  // The URL of the current page may hold an authorization code, which the next page must not receive.
  const headers = new Headers({ location, "cache-control": "no-store", "referrer-policy": "no-referrer" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 302, headers });
}

/** Throws a `TypeError` unless the value is a redirect URI that can receive a code safely. */
export function checkRedirectUri(redirectUri: unknown): void {
  const url = typeof redirectUri === "string" ? parseUrl(redirectUri) : undefined;
  const isSecure = url?.protocol === "https:" || url?.protocol === "http:" && isLoopback(url.hostname);
  if (isSecure && !url!.search && !url!.hash && !url!.username && !url!.password) return;
  throw new TypeError(
    'Option "redirectUri" must be a URL of the app with "https:", or with "http:" on localhost, without query and fragment, ' +
      'such as "https://my.app/signed-in"',
  );
}
