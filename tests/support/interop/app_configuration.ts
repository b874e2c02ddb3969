/** Options of {@linkcode createAppConfiguration}. */
export interface AppConfigurationOptions {
  /** The audience of its tokens. */
  readonly audience: string;
  /** Checks a token and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/**
 * Responds like an App Configuration store, for settings without a label.
 *
 * https://learn.microsoft.com/azure/azure-app-configuration/rest-api-key-value
 */
export function createAppConfiguration(
  { audience, verify }: AppConfigurationOptions,
): (request: Request) => Promise<Response> {
  const settings = new Map<string, string>();
  return async (request) => {
    const [, token = ""] = /^Bearer (.+)/.exec(request.headers.get("authorization") ?? "") ?? [];
    const { aud } = await verify(token).catch((): Record<string, unknown> => ({}));
    if (aud !== audience) {
      const challenge = `Bearer error="invalid_token", error_description="The audience is incorrect"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    const key = decodeURIComponent(new URL(request.url).pathname.replace("/kv/", ""));
    if (request.method === "PUT") settings.set(key, (await request.json()).value);
    const value = settings.get(key);
    if (value === undefined) return new Response(null, { status: 404 });
    const setting = { etag: "an-etag", key, label: null, content_type: null, value, tags: {}, locked: false };
    const type = "application/vnd.microsoft.appconfig.kv+json; charset=utf-8";
    return new Response(JSON.stringify({ ...setting, last_modified: "2026-01-01T00:00:00+00:00" }), {
      headers: { "content-type": type, etag: '"an-etag"' },
    });
  };
}
