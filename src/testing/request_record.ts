/** What the simulated Entra was asked. Plain data; it may hold secrets. */
export interface EntraRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  /** The path of the URL, without the query. */
  readonly path: string;
  /** The headers, names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** The fields of the form that was posted. */
  readonly form: Readonly<Record<string, string>>;
}

/** Reads the request to its end. */
export async function recordRequest(request: Request): Promise<EntraRequest> {
  const { method, url, headers } = request;
  const text = await request.text();
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  return {
    method,
    url,
    path: new URL(url).pathname,
    headers: Object.fromEntries(headers),
    form: isForm ? Object.fromEntries(new URLSearchParams(text)) : {},
  };
}

/** Returns the id that the client gave to its request, wherever it may stand, else a new one. */
export function correlationIdOf({ url, form, headers }: EntraRequest): string {
  return form["client-request-id"] ?? new URL(url).searchParams.get("client-request-id") ??
    headers["client-request-id"] ??
    crypto.randomUUID();
}
