import { bound } from "../core/bound.ts";
import { type Authority, isAdfs } from "./authority.ts";
import { hostsOfCloud } from "./known_hosts.ts";

/** The tenant of personal Microsoft accounts. */
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad";
const GUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/i;

/** Hosts of the issuers of version 1.0 tokens, by the host of the cloud. */
const FIRST_VERSION: Readonly<Record<string, string>> = {
  "login.microsoftonline.com": "sts.windows.net",
  "login.microsoftonline.us": "sts.windows.net",
  "login.partner.microsoftonline.cn": "sts.chinacloudapi.cn",
};

/**
 * Returns the authority's issuer for the tenant if it is the one that a response names, else `undefined` (OpenID Connect Core, section
 * 3.1.3.7). An authority whose OpenID configuration was not read may name itself by any URL of its own host.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
 */
export function issuerFor(authority: Authority, named: unknown, tenantId: string | undefined): string | undefined {
  if (typeof named !== "string" || named === "") return undefined;
  const namedTenant = tenantIn(named);
  if (namedTenant !== undefined && tenantId !== undefined && namedTenant !== tenantId.toLowerCase()) return undefined;
  const issuers = issuersOf(authority);
  if (!issuers) return `${named}/`.startsWith(`${new URL(authority.token_endpoint!).origin}/`) ? named : undefined;
  return issuers.map((template) => template.replaceAll("{tenantid}", (word) => tenantId ?? word))
    .find((issuer) => issuer === named);
}

/** Whether the authority may issue tokens of the tenant; `undefined` stands for a token that names no tenant. */
export function isTenantOf(authority: Authority, tenantId: string | undefined): boolean {
  const [requested, found] = [authority.tenantId.toLowerCase(), tenantId?.toLowerCase()];
  if (found === undefined) {
    const issuers = issuersOf(authority);
    return issuers
      ? !issuers.some((one) => one.includes("{tenantid}"))
      : requested !== "consumers" && !isGuid(requested);
  }
  if (requested === "consumers") return found === CONSUMERS;
  if (requested === "organizations") return found !== CONSUMERS;
  return !isGuid(requested) || found === requested;
}

/** Returns the id of the tenant that an issuer names, in lower case. */
export function tenantIn(issuer: string): string | undefined {
  return GUID.exec(bound(issuer))?.[0].toLowerCase();
}

/** Returns the authority's possible issuers, with `{tenantid}` in place of a token's `tid`; `undefined` if they are not known. */
function issuersOf(authority: Authority): readonly string[] | undefined {
  if (authority.declaredIssuer !== undefined) return [authority.declaredIssuer];
  if (isAdfs(authority)) return [authority.issuer];
  const { host } = new URL(authority.token_endpoint!);
  if (host.endsWith(".ciamlogin.com")) {
    // An external tenant has a host with its id beside the one with its name.
    return ["{tenantid}.ciamlogin.com", host].map((host) => `https://${host}/{tenantid}/v2.0`);
  }
  const hosts = hostsOfCloud(host);
  if (hosts.length === 0) return undefined;
  const first = FIRST_VERSION[hosts[0]!];
  return [
    ...hosts.map((host) => `https://${host}/{tenantid}/v2.0`),
    ...first === undefined ? [] : [`https://${first}/{tenantid}/`],
  ];
}

function isGuid(tenantId: string): boolean {
  return tenantIn(tenantId) === tenantId;
}
