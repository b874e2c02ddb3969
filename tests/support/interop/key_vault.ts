/** Options of {@linkcode createKeyVault}. */
export interface KeyVaultOptions {
  /** The tenant of the vault. */
  readonly tenantId: string;
  /** Checks a token and returns its claims. */
  verify(token: string): Promise<Record<string, unknown>>;
  /** The resource in the challenge. Default: the resource of a real vault. */
  readonly resource?: string;
  /**
   * The claims that a token needs to read the vault; tokens without them are rejected with a claims challenge. Default:
   * none.
   */
  readonly claims?: string;
}

/**
 * Responds like a key vault: a request without a token gets a challenge, and every token is checked.
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
    return secrets.has(name) ? respond(200, secrets.get(name)) : respond(404, { error: { code: "SecretNotFound" } });
  };
}

function refuse(message: string, challenge: string): Response {
  return respond(401, { error: { code: "Unauthorized", message } }, { "WWW-Authenticate": challenge });
}

function respond(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}
