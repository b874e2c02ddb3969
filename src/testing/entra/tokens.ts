import { digest, encodeHex } from "../../core/encoding.ts";
import type { Directory } from "./directory.ts";
import { issuerOfIdTokens } from "./discovery.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { sign } from "./signing_key.ts";

/** The content of a token. */
export interface TokenContent {
  /** The origin of the token endpoint, such as `"https://login.microsoftonline.com"`. */
  readonly origin: string;
  readonly tenantId: string;
  readonly app: EntraApp;
  /**
   * How the client authenticated, the value of the claim `appidacr`: 0 not at all, 1 with a secret, 2 with an
   * assertion.
   */
  readonly clientAuth: 0 | 1 | 2;
  readonly user?: EntraUser;
  /** Whether the user has completed multi-factor authentication. */
  readonly hasMfa?: boolean;
  /** The nonce of the authorization request (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce?: string | undefined;
  /** The subject, if it is not the object id. */
  readonly subject?: string | undefined;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Whether the client declared the capability to handle claims challenges. */
  readonly handlesClaims: boolean;
}

// Entra backdates its access tokens, so that an API whose clock is behind accepts them.
const BACKDATE_IN_S = 300;

/** Signs an access token in the v1.0 format, which most Azure services use. */
export async function signAccessToken(
  content: TokenContent,
  directory: Pick<Directory, "now" | "lifetimeInS">,
): Promise<string> {
  const { app, user, tenantId } = content;
  const now = Math.floor(directory.now() / 1000);
  const issuer = issuerOf(new URL(content.origin).host, tenantId);
  const oid = await objectIdOf(`${tenantId}/${user?.username ?? app.clientId}`);
  return await sign({
    aud: content.resource,
    iss: issuer,
    iat: now - BACKDATE_IN_S,
    nbf: now - BACKDATE_IN_S,
    exp: now + directory.lifetimeInS,
    ...(user ? { acct: 0, amr: ["pwd", ...content.hasMfa ? ["mfa"] : []] } : {}),
    appid: app.clientId,
    appidacr: String(content.clientAuth),
    idp: issuer,
    idtyp: user ? "user" : "app",
    oid,
    ...(user ? { scp: content.scopes.join(" "), unique_name: user.username, upn: user.username } : {}),
    sub: content.subject ?? oid,
    tid: tenantId,
    uti: crypto.randomUUID(),
    ver: "1.0",
    ...(content.handlesClaims && { xms_cc: ["cp1"] }),
    ...app.claims,
  });
}

/** Signs an ID token in the v2.0 format (OpenID Connect Core, section 2). */
export async function signIdToken(content: TokenContent, user: EntraUser, directory: Directory): Promise<string> {
  const now = Math.floor(directory.now() / 1000);
  const oid = await objectIdOf(`${content.tenantId}/${user.username}`);
  return await sign({
    aud: content.app.clientId,
    iss: issuerOfIdTokens(content.origin, content.tenantId),
    iat: now,
    nbf: now,
    exp: now + 3_600,
    name: user.username,
    ...(content.nonce !== undefined && { nonce: content.nonce }),
    oid,
    preferred_username: user.username,
    sub: await objectIdOf(`${oid}/${content.app.clientId}`),
    // AD FS has no tenants.
    ...content.tenantId !== "adfs" && { tid: content.tenantId },
    uti: crypto.randomUUID(),
    ver: "2.0",
  });
}

/** Returns the `iss` of the access tokens of a tenant. */
function issuerOf(host: string, tenantId: string): string {
  if (tenantId === "adfs") return `http://${host}/adfs/services/trust`;
  return /\.(chinacloudapi|microsoftonline)\.cn$/.test(host)
    ? `https://sts.chinacloudapi.cn/${tenantId}/`
    : `https://sts.windows.net/${tenantId}/`;
}

/** Derives an object id from a name. The same name has the same id in every process. */
export async function objectIdOf(name: string): Promise<string> {
  const hex = encodeHex(await digest(name.toLowerCase()));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
