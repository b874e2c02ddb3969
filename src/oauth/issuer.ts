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
 * Whether the issuer is the authority's own, and names the tenant of the ID token (OpenID Connect Core, section 3.1.3.7). An authority whose
 * OpenID configuration was not read may name itself by any URL of its own host.
 *
 * https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
 */
export function isIssuerOf(authority: Authority, issuer: unknown, tenantId: string | undefined): boolean {
  if (typeof issuer !== "string" || issuer === "") return false;
  const named = tenantIn(issuer);
  if (named !== undefined && tenantId !== undefined && named !== tenantId.toLowerCase()) return false;
  const issuers = issuersOf(authority);
  if (!issuers) return `${issuer}/`.startsWith(`${new URL(authority.token_endpoint!).origin}/`);
  return issuers.some((one) => one.replaceAll("{tenantid}", (word) => tenantId ?? word) === issuer);
}

/** Whether the authority may give tokens of the tenant to a request for its own; `undefined` is a token that names none. */
export function isTenantOf(authority: Authority, tenantId: string | undefined): boolean {
  const [asked, found] = [authority.tenantId.toLowerCase(), tenantId?.toLowerCase()];
  if (found === undefined) {
    const issuers = issuersOf(authority);
    return issuers ? !issuers.some((one) => one.includes("{tenantid}")) : asked !== "consumers" && !isGuid(asked);
  }
  if (asked === "consumers") return found === CONSUMERS;
  if (asked === "organizations") return found !== CONSUMERS;
  return !isGuid(asked) || found === asked;
}

/** Returns the id of the tenant that an issuer names, in lower case. */
export function tenantIn(issuer: string): string | undefined {
  return GUID.exec(bound(issuer))?.[0].toLowerCase();
}

/** Returns what the authority's ID tokens have as `iss`, with `{tenantid}` for their `tid`; `undefined` where that is not known. */
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
