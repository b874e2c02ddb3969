/** Throws a `TypeError` unless the argument is a text that is not empty. */
export function checkText(value: unknown, argument: string): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`Argument "${argument}" must be a text that is not empty`);
  }
}
