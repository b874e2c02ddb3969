import { trim } from "../core/trim.ts";
import { bound } from "../core/bound.ts";

/** How long a sign-in may take, in seconds. */
export const SIGN_IN_TIME_IN_S = 600;

/** The browser sends it over TLS alone, to this host alone, and takes it from nobody else (RFC 6265bis, section 4.1.3.2). */
const PREFIX = "__Host-sign-in-";
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax";

/** What browsers take, name and attributes included. */
const LARGEST = 4096;

/** As many as a user has begun and not ended; the request's header has an end. */
const MOST = 5;

/** Returns the name of the cookie of a sign-in: each has its own, so that several tabs are not in each other's way. */
export function cookieNameOf(state: string): string {
  return PREFIX + state.slice(0, 10);
}

/** Returns the header that keeps a sign-in in the browser. */
export function setCookie(name: string, value: string): string {
  return `${name}=${value}; Max-Age=${SIGN_IN_TIME_IN_S}; ${ATTRIBUTES}`;
}

/** Returns the header that removes a sign-in from the browser. */
export function deleteCookie(name: string): string {
  return `${name}=; Max-Age=0; ${ATTRIBUTES}`;
}

/** Returns the values of the cookies of that name, without those that no browser would have kept. */
export function readCookies(request: Request, name: string): string[] {
  return cookiesOf(request).filter(([found, value]) => found === name && value.length <= LARGEST - name.length)
    .map(([, value]) => value);
}

/** Returns the names of the oldest sign-in cookies, which have to be deleted to make room for another. */
export function staleCookies(request: Request): string[] {
  const names = cookiesOf(request).map(([name]) => name).filter((name) =>
    /^__Host-sign-in-[\w-]{10}$/.test(bound(name))
  );
  return names.slice(0, Math.max(0, names.length - MOST + 1));
}

function cookiesOf(request: Request): [name: string, value: string][] {
  // Only SP and HTAB are white space (RFC 6265bis, section 5.6). `trim` would also strip U+00A0 and others, which browsers keep in a name:
  // a sibling subdomain may set that name, because it does not begin with "__Host-".
  return (request.headers.get("cookie") ?? "").split(";").map((pair) => {
    const [name, ...value] = trim(pair, " \t").split("=");
    return [name!, value.join("=")];
  });
}
