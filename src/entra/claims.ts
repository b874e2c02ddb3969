import { isObject, parseObject } from "../core/json.ts";

type Json = Record<string, unknown>;

/**
 * Returns the `claims` parameter. Merges the claims of the caller and of the app, which take precedence, and with
 * `enableCae` the client capability to handle claims challenges. Throws a `TypeError` unless the claims are JSON
 * objects of at most 64 levels.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function mergeClaims(
  claims: string | undefined,
  enableCae: boolean,
  claimsFromClient?: string,
): string | undefined {
  const requested = parseClaims(claims, "claims");
  const own = parseClaims(claimsFromClient, "claimsFromClient");
  if (!enableCae && claimsFromClient === undefined) return claims;
  const merged = merge(requested, own);
  if (!enableCae) return JSON.stringify(merged);
  const accessToken = isObject(merged.access_token) ? merged.access_token : {};
  return JSON.stringify({ ...merged, access_token: { ...accessToken, xms_cc: { values: ["cp1"] } } });
}

/** Returns the option `claimsFromClient`. Throws a `TypeError` unless it is a JSON object. */
export function claimsOf({ claimsFromClient }: { claimsFromClient?: string | undefined }): string | undefined {
  parseClaims(claimsFromClient, "claimsFromClient");
  return claimsFromClient || undefined;
}

/** Parses claims. Throws a `TypeError` that names the option unless they are a JSON object. */
function parseClaims(claims: string | undefined, option: string): Json {
  const parsed = parseObject(claims ?? "{}");
  if (parsed) return parsed;
  throw new TypeError(
    `Option "${option}" must be a JSON object of at most 64 levels as a string` +
      (option === "claims" ? ", decoded from the claims challenge" : ""),
  );
}

/** Merges two objects and the objects in them; the second takes precedence. */
function merge(first: Json, second: Json): Json {
  const merged = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const existing = merged[name];
    merged[name] = isObject(value) && isObject(existing) ? merge(existing, value) : value;
  }
  return merged;
}
