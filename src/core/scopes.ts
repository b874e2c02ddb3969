// A scope-token of RFC 6749, section 3.3.
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Returns the scopes, sorted and without duplicates. Throws a `TypeError` if there is none or one is malformed. */
export function normaliseScopes(scopes: string | readonly string[]): string[] {
  const values: unknown = typeof scopes === "string" ? scopes.split(" ").filter((scope) => scope !== "") : scopes;
  if (!Array.isArray(values) || values.length === 0 || values.every((scope) => scope === "")) {
    throw new TypeError('Argument "scopes" must have at least one scope, such as "https://storage.azure.com/.default"');
  }
  for (const scope of values) {
    if (typeof scope !== "string" || !SCOPE.test(scope)) {
      throw new TypeError(`Argument "scopes" has a malformed scope: ${JSON.stringify(scope)?.slice(0, 100)}`);
    }
  }
  return [...new Set(values as string[])].sort();
}
