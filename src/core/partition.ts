const identities = new WeakMap<object, string>();

/** Returns the unique id of an object, which no other object has in this process or another. */
export function identityOf(object: object): string {
  let identity = identities.get(object);
  if (identity === undefined) identities.set(object, identity = crypto.randomUUID());
  return identity;
}

/** Returns the SHA-256 digest of a text, in hexadecimal digits. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the SHA-256 digest of the values that partition a cache: strings by content, objects by reference. */
export function digestOf(values: readonly (string | object)[]): Promise<string> {
  return sha256(JSON.stringify(values.map((part) => typeof part === "string" ? part : { object: identityOf(part) })));
}
