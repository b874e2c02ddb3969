// A scope-token of RFC 6749, section 3.3.
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Returns the scopes, sorted and without duplicates. Throws a `TypeError` if there is none or one is malformed. */
export function normaliseScopes(scopes: string | readonly string[]): string[] {
  const list: unknown = typeof scopes === "string" ? scopes.split(" ").filter((scope) => scope !== "") : scopes;
  if (!Array.isArray(list) || list.length === 0 || list.every((scope) => scope === "")) {
    throw new TypeError('Argument "scopes" must name at least one scope, such as "https://storage.azure.com/.default"');
  }
  for (const scope of list) {
    if (typeof scope !== "string" || !SCOPE.test(scope)) {
      throw new TypeError(`Argument "scopes" holds a malformed scope: ${JSON.stringify(scope)?.slice(0, 100)}`);
    }
  }
  return [...new Set(list as string[])].sort();
}
