import { type Directory, isTenantAlias, same } from "./directory.ts";
import { ServiceError } from "./service_error.ts";

/** The hosts of the known clouds: one row per cloud, its preferred host first. */
const CLOUDS: readonly (readonly string[])[] = [
  ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
  ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
  ["login.microsoftonline.us", "login.usgovcloudapi.net"],
  ["login-us.microsoftonline.com"],
  ["login.microsoftonline.de"],
  ["login.sovcloud-identity.fr"],
  ["login.sovcloud-identity.de"],
  ["login.sovcloud-identity.sg"],
];

/**
 * Returns the body of an instance discovery response.
 *
 * @throws {ServiceError} The authority is not one of Microsoft's.
 */
export function discoverInstance(url: URL, directory: Directory): Record<string, unknown> {
  const endpoint = url.searchParams.get("authorization_endpoint");
  if (!endpoint) throw new ServiceError(900144, { parameter: "authorization_endpoint" });
  if (!URL.canParse(endpoint)) throw new ServiceError(50049);
  const { host, pathname } = new URL(endpoint);
  const isKnown = CLOUDS.flat().includes(host) || directory.hosts.some((own) => same(own, host));
  if (!isKnown) throw new ServiceError(50049);
  return {
    tenant_discovery_endpoint: `https://${host}/${pathname.split("/")[1]}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: CLOUDS.map((aliases) => ({
      preferred_network: aliases[0],
      preferred_cache: aliases[1] ?? aliases[0],
      aliases,
    })),
  };
}

/** Returns the OpenID configuration of a tenant (OpenID Connect Discovery, section 3). */
export function openidConfiguration(url: URL, tenant: string, directory: Directory): Record<string, unknown> {
  if (tenant === "adfs") {
    return configuration(`${url.origin}/adfs`, "/oauth2", "/discovery/keys", issuerOfIdTokens(url.origin, tenant));
  }
  const isAlias = isTenantAlias(tenant);
  const known = [...directory.apps, ...directory.users].find(({ tenantId }) => same(tenantId, tenant));
  if (!isAlias && !known) throw new ServiceError(90002, { tenant });
  const issuer = issuerOfIdTokens(url.origin, isAlias ? "{tenantid}" : known!.tenantId);
  return configuration(`${url.origin}/${tenant}`, "/oauth2/v2.0", "/discovery/v2.0/keys", issuer);
}

/** Returns the `iss` of the ID tokens of a tenant, which is the same for all hosts of a cloud. */
export function issuerOfIdTokens(origin: string, tenantId: string): string {
  if (tenantId === "adfs") return `${origin}/adfs`;
  const { host } = new URL(origin);
  // The host of an external tenant contains its id, which is unknown if the tenant is registered by its domain.
  if (host.endsWith(".ciamlogin.com") && !tenantId.includes(".")) {
    return `https://${tenantId}.ciamlogin.com/${tenantId}/v2.0`;
  }
  const cloud = CLOUDS.find((aliases) => aliases.includes(host))?.[0];
  return `${cloud === undefined ? origin : `https://${cloud}`}/${tenantId}/v2.0`;
}

function configuration(base: string, oauth: string, keys: string, issuer: string): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: `${base}${oauth}/token`,
    authorization_endpoint: `${base}${oauth}/authorize`,
    device_authorization_endpoint: `${base}${oauth}/devicecode`,
    end_session_endpoint: `${base}${oauth}/logout`,
    jwks_uri: `${base}${keys}`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
    response_modes_supported: ["query", "fragment", "form_post"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
}
