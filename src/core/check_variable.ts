import { AuthenticationError } from "../errors.ts";
import { tidy } from "./answer_error.ts";

/**
 * Checks the value of an environment variable as an argument is checked. Throws an `AuthenticationError` that names the variable, shows the
 * value and says what is expected: no chain may pass over what somebody has set.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const complaint = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    // Never a key that is in the wrong place.
    const shown = value.includes("-----") ? "" : ` with the value "${tidy(value)}"`;
    throw new AuthenticationError(`${credential}: Cannot use the variable ${name}${shown}: ${complaint}`);
  }
}
