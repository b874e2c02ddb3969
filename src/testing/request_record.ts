/** What a simulated service was asked. Plain data; it may hold secrets. */
export interface RecordedRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  /** The path of the URL, without the query. */
  readonly path: string;
  /** The parameters of the URL's query. */
  readonly query: Readonly<Record<string, string>>;
  /** The headers, names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** The fields of the form that was posted. */
  readonly form: Readonly<Record<string, string>>;
}

/** What the simulated Entra was asked. */
export type EntraRequest = RecordedRequest;

/** Reads the request to its end. */
export async function recordRequest(request: Request): Promise<RecordedRequest> {
  const { method, url, headers } = request;
  const { pathname, searchParams } = new URL(url);
  const text = await request.text();
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  return {
    method,
    url,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: Object.fromEntries(headers),
    form: isForm ? Object.fromEntries(new URLSearchParams(text)) : {},
  };
}

/** Returns the id that the client gave to its request, wherever it may stand, else a new one. */
export function correlationIdOf({ query, form, headers }: RecordedRequest): string {
  return form["client-request-id"] ?? query["client-request-id"] ?? headers["client-request-id"] ?? crypto.randomUUID();
}
