/** A request that can be sent, and repeated if its body can. */
export interface Outgoing {
  /** What `fetch` gets: the caller's argument, or the target of a redirect. */
  readonly input: string | URL | Request;
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly init: RequestInit;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal | undefined;
  /** Whether it has no body, or one that can be sent again. */
  readonly isRepeatable: boolean;
}

/** Reads the arguments of `fetch`. */
export function readArguments(input: string | URL | Request, init: RequestInit, url: URL): Outgoing {
  const request = isRequest(input) ? input : undefined;
  const body = init.body ?? request?.body;
  return {
    // Not a `URL` of the caller, which may change before the token is acquired.
    input: request ?? url.href,
    url,
    method: (init.method ?? request?.method ?? "GET").toUpperCase(),
    headers: new Headers(init.headers ?? request?.headers),
    init: copyOf(init),
    redirect: init.redirect ?? request?.redirect ?? "follow",
    signal: init.signal ?? request?.signal,
    isRepeatable: body === undefined || body === null || isReusable(body),
  };
}

/** Whether the argument of `fetch` is a `Request`, also one of another realm. */
export function isRequest(input: string | URL | Request): input is Request {
  return "url" in Object(input);
}

/** Copies the second argument of `fetch`, with the members that it inherits, as those of a `Request` are. */
function copyOf(init: RequestInit): RequestInit {
  const copy: Record<string, unknown> = {};
  for (const name in init) copy[name] = init[name as keyof RequestInit];
  return copy;
}

function isReusable(body: unknown): boolean {
  return typeof body === "string" || ArrayBuffer.isView(body) ||
    [ArrayBuffer, Blob, FormData, URLSearchParams].some((type) => body instanceof type);
}

/** Releases the connection of a response that is not used. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {});
}
