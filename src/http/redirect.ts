import { bound } from "../core/bound.ts";
import { discard, type Outgoing } from "./outgoing.ts";
import { isSafe } from "./scope_for.ts";

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Returns the request that follows a redirect, as the Fetch standard defines it (section "HTTP-redirect fetch");
 * `undefined` if the response is not a redirect, or the caller's mode is `"manual"`. Throws a `TypeError` if the
 * redirect cannot be followed. Discards the response of a redirect.
 */
export function redirected(response: Response, outgoing: Outgoing): Outgoing | undefined {
  const { url, redirect } = outgoing;
  // In a web page, `redirect: "manual"` hides the target of the redirect.
  const isHidden = response.type === "opaqueredirect";
  const location = REDIRECTS.includes(response.status) ? response.headers.get("location") : null;
  if (redirect === "manual" || !isHidden && location === null) return undefined;
  discard(response);
  const target = isHidden ? undefined : targetOf(location!, url);
  const toGet = response.status === 303 && outgoing.method !== "HEAD" ||
    response.status < 303 && outgoing.method === "POST";
  if (redirect === "error" || !target || !isSafe(target) || !toGet && !outgoing.isRepeatable) {
    throw new TypeError(
      `withAzureAuth: Cannot follow a redirect from "${url.origin}"${target ? ` to "${target.origin}"` : ""}: ` +
        reasonOf(outgoing, target),
    );
  }
  const headers = new Headers(outgoing.headers);
  // The Fetch standard removes `Authorization`, and the runtimes also remove the other headers for one origin.
  if (target.origin !== url.origin) {
    for (const name of ["authorization", "cookie", "host", "proxy-authorization"]) headers.delete(name);
  }
  if (toGet) {
    for (const name of ["encoding", "language", "length", "location", "type"]) headers.delete(`content-${name}`);
  }
  const { body, ...init } = outgoing.init;
  return {
    ...outgoing,
    input: target.href,
    url: target,
    method: toGet ? "GET" : outgoing.method,
    headers,
    init: toGet || body === undefined ? init : { ...init, body },
    isRepeatable: toGet || outgoing.isRepeatable,
  };
}

function targetOf(location: string, base: URL): URL | undefined {
  try {
    return new URL(bound(location), base);
  } catch {
    return undefined;
  }
}

function reasonOf({ redirect }: Outgoing, target: URL | undefined): string {
  if (redirect === "error") return 'The option "redirect" is "error"';
  if (!target) return "Its target cannot be read";
  return isSafe(target)
    ? "The body is a stream, which can be sent once"
    : 'Its target must begin with "https:" and contain no user name or password';
}
