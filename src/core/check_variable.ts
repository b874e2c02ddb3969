import { AuthenticationError } from "../errors.ts";
import { tidy } from "./answer_error.ts";

// What ids, names, paths and URLs are made of, and the slips of who writes them: quotes, spaces, placeholders.
const HARMLESS = /^(?![^]*-----)[\w\s.,:;/\\*$"'<>{}-]{0,100}$/;

/**
 * Checks the value of an environment variable as an argument is checked. Throws an `AuthenticationError` that names the variable, shows the
 * value and says what is expected: no chain may pass over what somebody has set.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const complaint = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    const shown = showValue(value);
    throw new AuthenticationError(
      `${credential}: Cannot use the variable ${name}${shown && ` with the value ${shown}`}: ${complaint}`,
    );
  }
}

/** Returns the value of a variable in quotes; nothing where it may be a secret in the wrong place. */
export function showValue(value: string): string {
  return HARMLESS.test(value) ? `"${tidy(value)}"` : "";
}
