import { digest, encodeHex } from "../core/encoding.ts";
import type { Directory } from "./directory.ts";
import { issuerOfIdTokens } from "./discovery.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { sign } from "./signing_key.ts";

/** What a token is made of. */
export interface TokenOrder {
  /** Of the token endpoint, such as `"https://login.microsoftonline.com"`. */
  readonly origin: string;
  readonly tenantId: string;
  readonly app: EntraApp;
  /** How the application proved itself: 0 not at all, 1 with a secret, 2 with an assertion. */
  readonly proof: 0 | 1 | 2;
  readonly user?: EntraUser;
  /** Whether the user has shown more than a password. */
  readonly isStrong?: boolean;
  /** What the sign-in was told apart by (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce?: string | undefined;
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Whether the client can handle claims challenges. */
  readonly handlesClaims: boolean;
}

// Entra dates its tokens back, so that an API whose clock is late takes them.
const BACK_DATED_IN_S = 300;

/** Signs an access token in the first version's format, which most of Azure's own services ask for. */
export async function signAccessToken(
  order: TokenOrder,
  directory: Pick<Directory, "now" | "lifetimeInS">,
): Promise<string> {
  const { app, user, tenantId } = order;
  const now = Math.floor(directory.now() / 1000);
  const issuer = issuerOf(new URL(order.origin).host, tenantId);
  const oid = await objectIdOf(`${tenantId}/${user?.username ?? app.clientId}`);
  return await sign({
    aud: order.resource,
    iss: issuer,
    iat: now - BACK_DATED_IN_S,
    nbf: now - BACK_DATED_IN_S,
    exp: now + directory.lifetimeInS,
    ...(user ? { acct: 0, amr: ["pwd", ...order.isStrong ? ["mfa"] : []] } : {}),
    appid: app.clientId,
    appidacr: String(order.proof),
    idp: issuer,
    idtyp: user ? "user" : "app",
    oid,
    ...(user ? { scp: order.scopes.join(" "), unique_name: user.username, upn: user.username } : {}),
    sub: oid,
    tid: tenantId,
    uti: crypto.randomUUID(),
    ver: "1.0",
    ...(order.handlesClaims && { xms_cc: ["cp1"] }),
    ...app.claims,
  });
}

/** Signs an id token of the second version (OpenID Connect Core, section 2). */
export async function signIdToken(order: TokenOrder, user: EntraUser, directory: Directory): Promise<string> {
  const now = Math.floor(directory.now() / 1000);
  const oid = await objectIdOf(`${order.tenantId}/${user.username}`);
  return await sign({
    aud: order.app.clientId,
    iss: issuerOfIdTokens(order.origin, order.tenantId),
    iat: now,
    nbf: now,
    exp: now + 3_600,
    name: user.username,
    ...(order.nonce !== undefined && { nonce: order.nonce }),
    oid,
    preferred_username: user.username,
    sub: await objectIdOf(`${oid}/${order.app.clientId}`),
    // AD FS has no tenants.
    ...order.tenantId !== "adfs" && { tid: order.tenantId },
    uti: crypto.randomUUID(),
    ver: "2.0",
  });
}

/** Returns the `iss` of the access tokens of a tenant. */
export function issuerOf(host: string, tenantId: string): string {
  if (tenantId === "adfs") return `http://${host}/adfs/services/trust`;
  return /\.(chinacloudapi|microsoftonline)\.cn$/.test(host)
    ? `https://sts.chinacloudapi.cn/${tenantId}/`
    : `https://sts.windows.net/${tenantId}/`;
}

/** Returns the same object id for the same name, in every process. */
export async function objectIdOf(name: string): Promise<string> {
  const hex = encodeHex(await digest(name.toLowerCase()));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
