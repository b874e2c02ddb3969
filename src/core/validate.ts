import { AuthenticationError } from "../errors.ts";

/** Throws a `TypeError` unless the argument is a non-empty string. */
export function checkText(value: unknown, argument = "value"): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`Argument "${argument}" must be a non-empty string`);
  }
}

/** Throws a `TypeError` unless the argument can be the client id of an app. */
export function checkClientId(value: unknown): asserts value is string {
  checkText(value, "clientId");
  if (/[^!-~]/.test(value)) throw new TypeError('Argument "clientId" must be the client id of an app, without spaces');
}

/**
 * Checks the value of an option by the check for an argument, and returns its result. Throws a `TypeError` that names
 * the option.
 */
export function checkOption<Value, Result>(name: string, value: Value, check: (value: Value) => Result): Result {
  try {
    return check(value);
  } catch (error) {
    throw new TypeError((error as Error).message.replace(/^\w+ "[^"]*"/, `Option "${name}"`));
  }
}

/**
 * Checks the value of an environment variable by the check for an argument. Throws an `AuthenticationError`, which ends
 * a chain and names the variable and its valid values. The message omits the value, which may be a secret in the wrong
 * variable.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const requirement = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    throw new AuthenticationError(`${credential}: Cannot use the variable ${name}: ${requirement}`);
  }
}
