import { bound } from "../core/bound.ts";
import { decodeBase64Url } from "../core/decoding.ts";
import { parseObject } from "../core/json.ts";
import { parseUrl } from "../core/url.ts";

/** What a service requires of the token, by the challenge of its 401 response. */
export interface Challenge {
  /** The tenant that the token must be from. */
  readonly tenantId: string | undefined;
  /** The claims that the token request must contain, a JSON string. */
  readonly claims: string | undefined;
}

/** A scheme, or a parameter with its value (RFC 9110, section 11.6.1). */
const PART = /([a-z_-]{1,40})(?:=(?:"([^"]{0,16384})"|([^\s,"]{0,4096})))?/gi;
/** The id or the domain name of a tenant. Credentials reject other values. */
const TENANT = /^(?!(?:common|organizations|consumers)$)[\da-z-]+(?:\.[\da-z-]+)*$/i;

/**
 * Reads the `Bearer` challenge of a 401 response: the tenant of `authorization` or `authorization_uri`, and the claims
 * of a claims challenge. Returns `undefined` if the challenge has neither, or if it names another resource than the
 * scope.
 *
 * - https://learn.microsoft.com/entra/identity-platform/claims-challenge
 * - https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
 * - https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
 */
export function readChallenge(headers: Headers, scope: string): Challenge | undefined {
  const parameters = bearerParameters(bound(headers.get("www-authenticate") ?? ""));
  const resource = parameters.get("resource") ?? parameters.get("resource_id");
  if (resource && `${resource.replace(/\/$/, "")}/.default` !== scope) return undefined;
  const authority = parseUrl(parameters.get("authorization_uri") ?? parameters.get("authorization"));
  const tenant = authority?.pathname.split("/")[1] ?? "";
  // The host of the authority is not used: the credential has its own, and must not send its secret to another.
  const tenantId = TENANT.test(tenant) ? tenant : undefined;
  const claims = readClaims(parameters);
  return tenantId || claims ? { tenantId, claims } : undefined;
}

function bearerParameters(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  let isBearer = false;
  for (const [, name = "", quoted, bare] of header.matchAll(PART)) {
    const value = quoted ?? bare;
    if (value === undefined) isBearer = name.toLowerCase() === "bearer";
    else if (isBearer && !parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return parameters;
}

function readClaims(parameters: Map<string, string>): string | undefined {
  const bytes = decodeBase64Url(parameters.get("claims") ?? "");
  const claims = bytes && new TextDecoder().decode(bytes);
  return claims && parseObject(claims) ? claims : undefined;
}
