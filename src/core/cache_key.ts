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
