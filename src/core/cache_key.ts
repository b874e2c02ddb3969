import { digest, encodeHex } from "./encoding.ts";

const identities = new WeakMap<object, string>();

/** Returns the id of an object, which is unique across all processes. */
export function identityOf(object: object): string {
  let identity = identities.get(object);
  if (identity === undefined) identities.set(object, identity = crypto.randomUUID());
  return identity;
}

/**
 * Returns the SHA-256 digest of values that partition a cache, as hexadecimal digits: strings by content, objects by
 * identity.
 */
export async function digestOf(values: readonly (string | object)[]): Promise<string> {
  const parts = values.map((value) => typeof value === "string" ? value : { object: identityOf(value) });
  return encodeHex(await digest(JSON.stringify(parts)));
}

/** Returns the key of a token in the cache: the credential, the tenant, the identity, and what the token is for. */
export function cacheKey({ credential, tenantId, partition, enableCae, scopes }: {
  readonly credential: string;
  readonly tenantId: string;
  /** The digest of the identity and the cloud, see {@linkcode digestOf}. */
  readonly partition: string;
  readonly enableCae: boolean;
  readonly scopes: readonly string[];
}): string {
  return JSON.stringify([credential, tenantId.toLowerCase(), partition, enableCae, ...scopes]);
}
