import { AuthenticationError } from "../errors.ts";

/** The names of the characters that shells, editors and files add to a value. */
const CHARACTERS: Readonly<Record<string, string>> = {
  " ": "a blank",
  "\t": "a tab",
  "\n": "a line feed",
  "\r": "a carriage return",
  "\uFEFF": "a byte order mark",
  '"': "a quotation mark",
  "'": "a quotation mark",
  "`": "a quotation mark",
  "“": "a quotation mark",
  "”": "a quotation mark",
  "‘": "a quotation mark",
  "’": "a quotation mark",
  "\u00A0": "a blank",
  "\u200B": "a zero-width space",
};

/** Throws a `TypeError` unless the argument is a non-empty string. */
export function checkText(value: unknown, argument = "value"): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new TypeError(`Argument "${argument}" must be a non-empty string`);
  }
}

/**
 * Throws a `TypeError` that names the arguments of a constructor, if its first one is an object that may hold them all.
 */
export function checkPositional(first: unknown, usage: string): void {
  if (typeof first !== "object" || first === null) return;
  throw new TypeError(`Argument "tenantId" must be a string, not an object: Call new ${usage}`);
}

/** Throws a `TypeError` unless the argument can be the client id of an app. */
export function checkClientId(value: unknown): asserts value is string {
  checkText(value, "clientId");
  checkCharacters(value, /[^!-~]|^["'`]|["'`]$/, 'Argument "clientId" must be the client id of an app');
}

/** Throws a `TypeError` unless the option `userAssertionToken` can be the access token of a user. */
export function checkUserAssertion(value: unknown): asserts value is string {
  checkText(value, "userAssertionToken");
  if (/^bearer\s/i.test(value)) {
    throw new TypeError('Option "userAssertionToken" must be the token alone, without "Bearer "');
  }
}

/** Throws a `TypeError` that names the first invalid character, which is easily overlooked, if there is one. */
export function checkCharacters(value: string, invalid: RegExp, requirement: string): void {
  const character = invalid.exec(value)?.[0];
  if (character === undefined) return;
  // Another character is not shown: the value may be a secret.
  throw new TypeError(`${requirement}, and contains ${CHARACTERS[character] ?? "an invalid character"}`);
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
 *
 * @param credential The name that the message begins with. If it is empty, the caller adds it.
 */
export function checkVariable(credential: string, name: string, value: string, check: (value: string) => void): void {
  try {
    check(value);
  } catch (error) {
    const requirement = (error as Error).message.replace(/^Argument "[^"]*"/, "It");
    throw new AuthenticationError(`${credential && `${credential}: `}Cannot use the variable ${name}: ${requirement}`);
  }
}
