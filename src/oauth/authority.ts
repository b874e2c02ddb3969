import type { AuthorizationServer } from "oauth4webapi";
import type { TokenRequest } from "../core/create_get_token.ts";
import { parseAuthorityHost, type Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import { AuthenticationError } from "../errors.ts";
import type { CredentialOptions } from "../options.ts";
import { hasNetPermission } from "../runtime/net_permission.ts";
import { preferredHost, PUBLIC } from "./known_hosts.ts";

/**
 * Returns the endpoints of the tenant's authority. Those of the known clouds, of AD FS and of `*.ciamlogin.com` are computed; another
 * host's are discovered, unless `disableInstanceDiscovery` trusts it.
 *
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export async function resolveAuthority(
  credential: string,
  request: TokenRequest,
  settings: Settings,
): Promise<AuthorizationServer> {
  const base = authorityBase(settings);
  const adfs = request.tenantId.toLowerCase() === "adfs";
  const tenantId = adfs ? "adfs" : request.tenantId;
  const microsofts = preferredHost(base.host) || base.host.endsWith(".ciamlogin.com");
  // Microsoft's own have no path but a tenant's, and whoever asks says which.
  let path = microsofts ? "" : base.pathname.replace(/\/+$/, "");
  if (path.toLowerCase().endsWith(`/${tenantId.toLowerCase()}`)) path = path.slice(0, -tenantId.length - 1);
  const issuer = `${base.origin}${path}/${tenantId}`;
  if (adfs) return endpoints(issuer, "/oauth2");
  if (microsofts || settings.disableInstanceDiscovery) return endpoints(issuer, "/oauth2/v2.0");
  // Apart, because few programs ask a service that Microsoft does not run.
  const { discoverAuthority } = await import("./discovery.ts");
  return await discoverAuthority(issuer, credential, request, settings);
}

/** Whether it is AD FS, which speaks an older dialect. */
export function isAdfs(server: AuthorizationServer): boolean {
  return new URL(server.token_endpoint!).pathname.startsWith("/adfs/");
}

/**
 * Returns why the token service cannot be reached, as far as that is known without a request. Throws an `AuthenticationError` where its URL is
 * malformed.
 */
export function explainAuthority({ fetch }: CredentialOptions, settings: Settings): Explanation | undefined {
  const { href, host } = authorityBase(settings);
  if (fetch || hasNetPermission(href)) return undefined;
  return { state: "fails", detail: `"${host}" may not be reached: Run Deno with --allow-net=${host}` };
}

function authorityBase(settings: Settings): URL {
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
