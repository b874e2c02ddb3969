import type { Settings } from "../core/settings.ts";
import { trim, WHITE_SPACE } from "../core/trim.ts";
import { isLoopback, parseUrl } from "../core/url.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";

/** Returns the value of a variable without white space at its ends; `undefined` if it is empty or not set. */
export function variable(name: string, { env }: Settings): string | undefined {
  return trim(env(name) ?? "", WHITE_SPACE) || undefined;
}

/** Returns the URL in a variable. Throws an `AuthenticationError`, without the URL, unless it may receive a secret. */
export function urlInVariable(name: string, settings: Settings): URL {
  const url = parseUrl(variable(name, settings));
  const isSecure = url?.protocol === "https:" || settings.allowInsecureLoopback && url && isLoopback(url.hostname);
  if (url && isSecure && !url.username && !url.password) return url;
  throw new AuthenticationError(
    `Cannot use the variable ${name}: It must be a URL with "https:" and without credentials`,
  );
}

/** What {@linkcode isHeaderText} requires. */
export const HEADER_TEXT = "a non-empty string of printable ASCII characters";

/** Throws a `TypeError` unless the value is a non-empty string of printable ASCII characters. */
export function checkHeaderText(value: unknown): void {
  if (!isHeaderText(value)) throw new TypeError(`Argument "value" must be ${HEADER_TEXT}`);
}

/** Whether the value is a non-empty string of printable ASCII characters. */
export function isHeaderText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "" && !/[^\x20-\x7e]/.test(value);
}

/** Whether the value is a non-empty string of printable ASCII characters without spaces. */
export function isTokenText(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

/** Returns the token in a variable. Throws an `AuthenticationError`, without the value, if a header cannot hold it. */
export function tokenInVariable(name: string, settings: Settings): string {
  const token = variable(name, settings) ?? "";
  if (token === "" || isTokenText(token)) return token;
  throw new AuthenticationError(
    `Cannot use the variable ${name}: It must be a token, of printable ASCII characters without spaces`,
  );
}

/** Throws a `TypeError` that names the first option that is set but is not a function. */
export function checkCallbacks(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && typeof value !== "function") throw new TypeError(`Option "${name}" must be a function`);
  }
}

/** Returns the error of a platform that the program does not run on, or that offers no token to it. */
export function notOffered(label: string, reason: string, nextStep: string): CredentialUnavailableError {
  return new CredentialUnavailableError(`Cannot get ${label}: ${reason}`, { outcome: "absent", nextStep });
}
