/**
 * Returns a member of a thrown value; `undefined` if it cannot be read, such as that of an object of a closed window.
 */
export function memberOf(error: unknown, name: string): unknown {
  try {
    return (Object(error) as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}
