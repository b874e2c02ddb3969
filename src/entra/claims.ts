import { isObject, parseObject } from "../core/json.ts";

/**
 * Returns the `claims` parameter: what the caller asks for, and with `enableCae` the capability to handle claims challenges. Throws a
 * `TypeError` unless the caller's claims are a JSON object of a sensible depth.
 *
 * https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function mergeClaims(claims: string | undefined, enableCae: boolean): string | undefined {
  const asked = parseObject(claims ?? "{}");
  if (!asked) {
    throw new TypeError(
      'Option "claims" must be the text of a JSON object of at most 64 levels, decoded from the claims challenge',
    );
  }
  if (!enableCae) return claims;
  const accessToken = isObject(asked.access_token) ? asked.access_token : {};
  return JSON.stringify({ ...asked, access_token: { ...accessToken, xms_cc: { values: ["cp1"] } } });
}
