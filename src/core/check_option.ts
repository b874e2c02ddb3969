/** Checks the value of an option as an argument is checked, and returns the result. Throws a `TypeError` that names the option. */
export function checkOption<Value, Result>(name: string, value: Value, check: (value: Value) => Result): Result {
  try {
    return check(value);
  } catch (error) {
    throw new TypeError((error as Error).message.replace(/^\w+ "[^"]*"/, `Option "${name}"`));
  }
}
