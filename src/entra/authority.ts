import type { AuthorizationServer } from "oauth4webapi";
import type { TokenRequest } from "../core/get_token.ts";
import { parseAuthorityHost, type Settings } from "../core/settings.ts";
import { trimEnd } from "../core/trim.ts";
import { AuthenticationError } from "../errors.ts";
import { preferredHost, PUBLIC } from "./known_hosts.ts";

/** The endpoints of a tenant's authority. */
export interface Authority extends AuthorizationServer {
  /** The requested tenant: an id, a domain name, or an alias such as `organizations`. */
  readonly tenantId: string;
  /**
   * The `issuer` of its OpenID configuration: `undefined` if that was not read, empty if it is not the authority's own.
   */
  readonly declaredIssuer?: string;
}

/**
 * Returns the endpoints of the tenant's authority. They are computed for the known clouds, AD FS and `*.ciamlogin.com`,
 * and discovered for other hosts, unless `disableInstanceDiscovery` is set.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export async function resolveAuthority(
  credential: string,
  request: Pick<TokenRequest, "tenantId" | "signal">,
  settings: Settings,
): Promise<Authority> {
  const base = authorityBase(settings);
  const adfs = request.tenantId.toLowerCase() === "adfs";
  const tenantId = adfs ? "adfs" : request.tenantId;
  const isMicrosoft = preferredHost(base.host) || base.host.endsWith(".ciamlogin.com");
  // On a host of Microsoft, the path can only be a tenant, and the request has the tenant.
  let path = isMicrosoft ? "" : trimEnd(base.pathname, "/");
  // Some programs pass the URL of an issuer, or the beginning of the token endpoint's URL.
  const [issuerPath] = path.split(/(?:\/oauth2)?\/v2\.0$/i) as [string];
  if (issuerPath.toLowerCase().endsWith(`/${tenantId.toLowerCase()}`)) path = issuerPath.slice(0, -tenantId.length - 1);
  const issuer = `${base.origin}${path}/${tenantId}`;
  if (adfs) return { ...endpoints(issuer, "/oauth2"), tenantId };
  if (isMicrosoft || settings.disableInstanceDiscovery) return { ...endpoints(issuer, "/oauth2/v2.0"), tenantId };
  // Loaded on demand, because few programs use an authority of another operator.
  const { discoverAuthority } = await import("./discovery.ts");
  return { ...await discoverAuthority(issuer, credential, request.signal, settings), tenantId };
}

/** Whether the authority is AD FS, whose protocol differs from that of Microsoft Entra. */
export function isAdfs(server: AuthorizationServer): boolean {
  return new URL(server.token_endpoint!).pathname.startsWith("/adfs/");
}

/** Returns the base URL of the authority. Throws an `AuthenticationError` if it is malformed. */
export function authorityBase(settings: Settings): URL {
  const { allowInsecureLoopback, authorityHost, env } = settings;
  const variable = authorityHost === undefined ? env("AZURE_AUTHORITY_HOST") : undefined;
  let base: URL;
  try {
    base = variable
      ? parseAuthorityHost(variable, allowInsecureLoopback, "AZURE_AUTHORITY_HOST")
      : parseAuthorityHost(authorityHost ?? `https://${PUBLIC}`, allowInsecureLoopback);
  } catch (error) {
    throw new AuthenticationError(`Cannot determine the authority: ${(error as Error).message}`);
  }
  base.host = preferredHost(base.host) ?? base.host;
  return base;
}

/**
 * Returns an endpoint of the authority. Throws an `AuthenticationError` if its OpenID configuration does not have it.
 */
export function endpointOf(
  server: AuthorizationServer,
  name: "authorization_endpoint" | "device_authorization_endpoint",
): string {
  const endpoint = server[name];
  if (endpoint !== undefined) return endpoint;
  throw new AuthenticationError(
    `Cannot use the authority "${server.issuer}": Its OpenID configuration has no valid "${name}"`,
  );
}

function endpoints(issuer: string, path: string): AuthorizationServer {
  const base = issuer + path;
  return {
    issuer,
    authorization_endpoint: `${base}/authorize`,
    device_authorization_endpoint: `${base}/devicecode`,
    token_endpoint: `${base}/token`,
  };
}
