/**
 * Throws a `TypeError` unless the value is an object whose members are all known. Otherwise a misspelt member would
 * have no effect, and a test that proves nothing would pass.
 *
 * @param what What a member is, for the message: `"option of createEntra"`.
 * @param known The names of the members.
 */
export function checkMembers(value: unknown, what: string, known: Readonly<Record<string, true>>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`Every ${what} must be in an object`);
  }
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  throw new TypeError(`Unknown ${what} "${unknown}": Use one of ${quote(Object.keys(known))}`);
}

/** Throws a `TypeError` if a value is given and is not among the known ones. */
export function checkChoice(name: string, value: unknown, known: readonly unknown[]): void {
  if (value === undefined || known.includes(value)) return;
  throw new TypeError(`Option "${name}" must be one of ${quote(known)}`);
}

function quote(names: readonly unknown[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
