import { isObject, parseObject } from "../core/json.ts";

/**
 * Returns the `claims` parameter: the claims of the caller, and with `enableCae` the client capability to handle claims
 * challenges. Throws a `TypeError` unless the claims of the caller are a JSON object of at most 64 levels.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function mergeClaims(claims: string | undefined, enableCae: boolean): string | undefined {
  const requested = parseObject(claims ?? "{}");
  if (!requested) {
    throw new TypeError(
      'Option "claims" must be a JSON object of at most 64 levels as a string, decoded from the claims challenge',
    );
  }
  if (!enableCae) return claims;
  const accessToken = isObject(requested.access_token) ? requested.access_token : {};
  return JSON.stringify({ ...requested, access_token: { ...accessToken, xms_cc: { values: ["cp1"] } } });
}
