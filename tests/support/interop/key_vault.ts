/** What {@linkcode createKeyVault} accepts. */
export interface KeyVaultOptions {
  /** The tenant that it belongs to. */
  readonly tenantId: string;
  /** Checks a token and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
  /** What its challenge says that a token must be for. Default: what a real one says. */
  readonly resource?: string;
  /** What the token service must be told before the vault can be read: a token that was good until then no longer is. Default: nothing. */
  readonly claims?: string;
}

/**
 * Answers as a key vault does: who comes without a token is told where to get one, and every token is looked at.
 *
 * https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
 */
export function createKeyVault(
  { tenantId, verify, resource = "https://vault.azure.net", claims }: KeyVaultOptions,
): (request: Request) => Promise<Response> {
  const authority = `https://login.windows.net/${tenantId}`;
  const challenge = `Bearer authorization="${authority}", resource="${resource}"`;
  const secrets = new Map<string, object>();
  let revoked: string | undefined;

  return async (request) => {
    const [, token] = /^Bearer (.+)/.exec(request.headers.get("authorization") ?? "") ?? [];
    if (!token) return refuse("AKV10000: Request is missing a Bearer or PoP token", challenge);
    const { aud, tid, xms_cc } = await verify(token).catch((): Record<string, unknown> => ({}));
    if (aud !== resource) return refuse("AKV10022: Invalid audience", `${challenge}, error="invalid_token"`);
    if (tid !== tenantId) return refuse("AKV10032: Invalid issuer", `${challenge}, error="invalid_token"`);
    if (claims && request.method === "GET") {
      if (String(xms_cc) !== "cp1") return refuse("The client cannot handle claims", challenge);
      revoked ??= token;
      if (token === revoked) {
        const demand = `error="insufficient_claims", claims="${btoa(claims)}"`;
        return refuse("The token has been revoked", `Bearer realm="", authorization_uri="${authority}", ${demand}`);
      }
    }
    const { pathname, origin } = new URL(request.url);
    const [, name = ""] = /^\/secrets\/([^/]+)/.exec(pathname) ?? [];
    if (request.method === "PUT") {
      const { value } = await request.json();
      secrets.set(name, { value, id: `${origin}/secrets/${name}/1`, attributes: { enabled: true } });
    }
    return secrets.has(name) ? answer(200, secrets.get(name)) : answer(404, { error: { code: "SecretNotFound" } });
  };
}

function refuse(message: string, challenge: string): Response {
  return answer(401, { error: { code: "Unauthorized", message } }, { "WWW-Authenticate": challenge });
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}
