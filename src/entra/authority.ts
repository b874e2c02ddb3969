import type { AuthorizationServer } from "oauth4webapi";
import type { TokenRequest } from "../core/get_token.ts";
import { parseAuthorityHost, type Settings } from "../core/settings.ts";
import { trimEnd } from "../core/trim.ts";
import { AuthenticationError } from "../errors.ts";
import { preferredHost, PUBLIC } from "./known_hosts.ts";

/** The endpoints of a tenant's authority. */
export interface Authority extends AuthorizationServer {
  /** Requested tenant: an id, a domain name, or a word such as `organizations`. */
  readonly tenantId: string;
  /** The `issuer` of its OpenID configuration, if that was read; empty if it names no issuer of its own. */
  readonly declaredIssuer?: string;
}

/**
 * Returns the endpoints of the tenant's authority. Those of the known clouds, of AD FS and of `*.ciamlogin.com` are computed; another
 * host's are discovered, unless `disableInstanceDiscovery` trusts it.
 *
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export async function resolveAuthority(
  credential: string,
  request: Pick<TokenRequest, "tenantId" | "signal">,
  settings: Settings,
): Promise<Authority> {
  const base = authorityBase(settings);
  const adfs = request.tenantId.toLowerCase() === "adfs";
  const tenantId = adfs ? "adfs" : request.tenantId;
  const microsofts = preferredHost(base.host) || base.host.endsWith(".ciamlogin.com");
  // The path of a host of Microsoft's can only be a tenant, which the request names.
  let path = microsofts ? "" : trimEnd(base.pathname, "/");
  if (path.toLowerCase().endsWith(`/${tenantId.toLowerCase()}`)) path = path.slice(0, -tenantId.length - 1);
  const issuer = `${base.origin}${path}/${tenantId}`;
  if (adfs) return { ...endpoints(issuer, "/oauth2"), tenantId };
  if (microsofts || settings.disableInstanceDiscovery) return { ...endpoints(issuer, "/oauth2/v2.0"), tenantId };
  // Loaded on demand, because few programs use an authority that Microsoft does not run.
  const { discoverAuthority } = await import("./discovery.ts");
  return { ...await discoverAuthority(issuer, credential, request.signal, settings), tenantId };
}

/** Whether it is AD FS, which speaks an older dialect. */
export function isAdfs(server: AuthorizationServer): boolean {
  return new URL(server.token_endpoint!).pathname.startsWith("/adfs/");
}

/** Returns the base URL of the authority. Throws an `AuthenticationError` where it is malformed. */
export function authorityBase(settings: Settings): URL {
  const { allowInsecureLoopback, authorityHost, env } = settings;
  const variable = authorityHost === undefined ? env("AZURE_AUTHORITY_HOST") : undefined;
  let base: URL;
  try {
    base = variable
      ? parseAuthorityHost(variable, allowInsecureLoopback, "AZURE_AUTHORITY_HOST")
      : parseAuthorityHost(authorityHost ?? `https://${PUBLIC}`, allowInsecureLoopback);
  } catch (error) {
    throw new AuthenticationError(`Cannot find the token service: ${(error as Error).message}`);
  }
  base.host = preferredHost(base.host) ?? base.host;
  return base;
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
