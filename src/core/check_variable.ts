import { AuthenticationError } from "../errors.ts";

/**
 * Checks the value of an environment variable as an argument is checked. Throws an `AuthenticationError`, which ends a chain, with the name of the
 * variable and what it must be. The message omits the value, which may be a secret in the wrong variable.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const complaint = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    throw new AuthenticationError(`${credential}: Cannot use the variable ${name}: ${complaint}`);
  }
}
