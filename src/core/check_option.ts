/** Checks the value of an option as an argument is checked. Throws a `TypeError` that names the option. */
export function checkOption<Value>(name: string, value: Value, check: (value: Value) => void): void {
  try {
    check(value);
  } catch (error) {
    throw new TypeError((error as Error).message.replace(/^\w+ "[^"]*"/, `Option "${name}"`));
  }
}
