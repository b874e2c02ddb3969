import { trim } from "../core/trim.ts";
import { bound } from "../core/bound.ts";

/** Maximum duration of a sign-in, in seconds. */
export const SIGN_IN_TIME_IN_S = 600;

/** Prefix of the cookie names. Browsers accept it only over TLS and from this host (RFC 6265bis, section 4.1.3.2). */
const PREFIX = "__Host-sign-in-";
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax";

/** Maximum size of a cookie that browsers accept. */
const MAX_BYTES = 4096;

/** Maximum number of pending sign-ins, because the size of a request header is limited. */
const MAX_PENDING = 5;

/** Returns the name of a sign-in's cookie. Each sign-in has its own, so that several tabs can sign in at once. */
export function cookieNameOf(state: string): string {
  return PREFIX + state.slice(0, 10);
}

/** Returns the `set-cookie` header of a sign-in. */
export function setCookie(name: string, value: string): string {
  return `${name}=${value}; Max-Age=${SIGN_IN_TIME_IN_S}; ${ATTRIBUTES}`;
}

/** Returns the `set-cookie` header that deletes a sign-in. */
export function deleteCookie(name: string): string {
  return `${name}=; Max-Age=0; ${ATTRIBUTES}`;
}

/** Returns the values of the cookies with that name. Ignores cookies that are larger than browsers accept. */
export function readCookies(request: Request, name: string): string[] {
  return cookiesOf(request).filter(([cookieName, value]) =>
    cookieName === name && value.length <= MAX_BYTES - name.length
  )
    .map(([, value]) => value);
}

/** Returns the names of the oldest sign-in cookies, which must be deleted before another one is set. */
export function staleCookies(request: Request): string[] {
  const names = cookiesOf(request).map(([name]) => name).filter((name) =>
    /^__Host-sign-in-[\w-]{10}$/.test(bound(name))
  );
  return names.slice(0, Math.max(0, names.length - MAX_PENDING + 1));
}

function cookiesOf(request: Request): [name: string, value: string][] {
  // Only SP and HTAB are white space (RFC 6265bis, section 5.6). `String.prototype.trim` would also remove characters
  // such as U+00A0. A sibling subdomain may set a cookie whose name begins with such a character and "__Host-", because
  // that is not the prefix "__Host-".
  return (request.headers.get("cookie") ?? "").split(";").map((pair) => {
    const [name, ...value] = trim(pair, " \t").split("=");
    return [name!, value.join("=")];
  });
}
