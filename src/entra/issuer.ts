import { bound } from "../core/bound.ts";
import { toSingleLine } from "../core/error_response.ts";
import { parseUrl } from "../core/url.ts";
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
 * Returns the issuer of a response if it is one of the authority for the tenant, else `undefined` (OpenID Connect Core,
 * section 3.1.3.7). If the OpenID configuration of an unknown host was not read, any URL of its token endpoint's origin
 * is valid.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
 */
export function issuerFor(authority: Authority, issuer: unknown, tenantId: string | undefined): string | undefined {
  if (typeof issuer !== "string" || issuer === "") return undefined;
  const issuerTenant = tenantIn(issuer);
  if (issuerTenant !== undefined && tenantId !== undefined && issuerTenant !== tenantId.toLowerCase()) return undefined;
  const issuers = issuersOf(authority);
  if (!issuers) return `${issuer}/`.startsWith(`${new URL(authority.token_endpoint!).origin}/`) ? issuer : undefined;
  return issuers.map((template) => template.replaceAll("{tenantid}", (placeholder) => tenantId ?? placeholder))
    .find((expected) => expected === issuer);
}

/**
 * Describes the expected issuer, and the actual one, which the authority does not have. The path of the actual issuer,
 * which may be anything, is shown only if it is a tenant.
 */
export function compareIssuers(authority: Authority, issuer: unknown, tenantId: string | undefined): string {
  const template = issuersOf(authority)?.[0] ?? `${new URL(authority.token_endpoint!).origin}/…`;
  const expected = toSingleLine(template.replaceAll("{tenantid}", () => tenantId ?? authority.tenantId)) ||
    "the issuer in the OpenID configuration, which has none of its own";
  const actual = typeof issuer === "string" ? parseUrl(bound(issuer)) : undefined;
  if (!actual) return `expected ${expected}`;
  const { pathname } = actual;
  const origin = toSingleLine(actual.origin);
  const isTenant = pathname === parseUrl(expected)?.pathname || /^\/[\da-f-]{36}\/(?:v2\.0)?$/i.test(pathname);
  return `expected ${expected}, got ${origin}${isTenant ? pathname : "/…"}`;
}

/** Whether the authority may issue tokens of the tenant; `undefined` is the tenant of a token without `tid`. */
export function isTenantOf(authority: Authority, tenantId: string | undefined): boolean {
  const [requested, actual] = [authority.tenantId.toLowerCase(), tenantId?.toLowerCase()];
  if (actual === undefined) {
    const issuers = issuersOf(authority);
    return issuers
      ? !issuers.some((one) => one.includes("{tenantid}"))
      : requested !== "consumers" && !isGuid(requested);
  }
  if (requested === "consumers") return actual === CONSUMERS;
  if (requested === "organizations") return actual !== CONSUMERS;
  return !isGuid(requested) || actual === requested;
}

/** Returns the tenant id in an issuer, in lower case. */
export function tenantIn(issuer: string): string | undefined {
  return GUID.exec(bound(issuer))?.[0].toLowerCase();
}

/**
 * Returns the issuers of the authority, with `{tenantid}` in place of the token's `tid`; `undefined` if they are
 * unknown.
 */
function issuersOf(authority: Authority): readonly string[] | undefined {
  if (authority.declaredIssuer !== undefined) return [authority.declaredIssuer];
  if (isAdfs(authority)) return [authority.issuer];
  const { host } = new URL(authority.token_endpoint!);
  if (host.endsWith(".ciamlogin.com")) {
    // An external tenant has one host with its id, and another one with its name.
    return ["{tenantid}.ciamlogin.com", host].map((host) => `https://${host}/{tenantid}/v2.0`);
  }
  const hosts = hostsOfCloud(host);
  if (hosts.length === 0) return undefined;
  const firstVersion = FIRST_VERSION[hosts[0]!];
  return [
    ...hosts.map((host) => `https://${host}/{tenantid}/v2.0`),
    ...firstVersion === undefined ? [] : [`https://${firstVersion}/{tenantid}/`],
  ];
}

function isGuid(tenantId: string): boolean {
  return tenantIn(tenantId) === tenantId;
}
