/** Returns what the check of an argument returns for the value of an option. Throws a `TypeError` that names the option. */
export function checkOption<Value, Result>(name: string, value: Value, check: (value: Value) => Result): Result {
  try {
    return check(value);
  } catch (error) {
    throw new TypeError((error as Error).message.replace(/^\w+ "[^"]*"/, `Option "${name}"`));
  }
}
