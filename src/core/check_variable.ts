import { AuthenticationError } from "../errors.ts";

/**
 * Checks the value of an environment variable as an argument is checked. Throws an `AuthenticationError` that names the variable and says
 * what is expected: no chain may pass over what somebody has set. The value stays unsaid: it may be a secret in the wrong place.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const complaint = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    throw new AuthenticationError(`${credential}: Cannot use the variable ${name}: ${complaint}`);
  }
}
