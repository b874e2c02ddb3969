import { checkCharacters, checkClientId, checkVariable } from "../core/validate.ts";
import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import type { MachineContext } from "./source.ts";

/** The characters of a header value. `fetch` rejects others with an error that contains the value. */
export const HEADER_VALUE: RegExp = /^[\x20-\x7e]+$/;

/** Returns the URL in a variable that is set. Throws an `AuthenticationError` if it is malformed. */
export function endpointIn(variable: string, settings: Settings, protocols: RegExp = /^https?:$/): string {
  const url = parseUrl(settings.env(variable));
  if (url && protocols.test(url.protocol) && !url.username && !url.password && !url.hash) return url.href;
  const schemes = protocols.test("http:") ? '"http:" or "https:"' : '"https:"';
  throw new AuthenticationError(
    `Cannot use the variable ${variable}: It must be a URL with ${schemes} and without user and fragment`,
  );
}

/**
 * Returns the URL in a variable that is set, for a path to be appended. Throws an `AuthenticationError` if it is
 * malformed or has a query.
 */
export function hostIn(variable: string, settings: Settings): string {
  const url = endpointIn(variable, settings);
  if (!url.includes("?")) return url;
  throw new AuthenticationError(`Cannot use the variable ${variable}: It must be a URL without query`);
}

/** Returns the client id in a variable, if that is set. Throws an `AuthenticationError` if it is malformed. */
export function clientIdIn(variable: string, settings: Settings): string | undefined {
  const value = settings.env(variable) || undefined;
  if (value) checkVariable("", variable, value, checkClientId);
  return value;
}

/**
 * Returns the secret in a variable that is set. Throws an `AuthenticationError` if it cannot be the value of a header.
 */
export function headerIn(variable: string, settings: Settings): string {
  const value = settings.env(variable)!;
  checkVariable("", variable, value, (text) => {
    checkCharacters(text, /[^\x20-\x7e]/, "It must be printable ASCII characters");
  });
  return value;
}

/** Throws an `AuthenticationError` for an identity of another kind than the accepted one. By default accepts none. */
export function rejectIdentity(
  source: string,
  { identity }: MachineContext,
  accepted?: "clientId" | "objectId",
): void {
  if (!identity || identity.kind === accepted) return;
  const where = identity.variable ? ` of the variable ${identity.variable}` : "";
  const ids = accepted && { clientId: "client ids", objectId: "object ids" }[accepted];
  throw new AuthenticationError(
    `Cannot get a token for the user-assigned identity "${identity.id}"${where}: ${source} ${
      ids ? `accepts ${ids} only` : "has one identity only: Give no id"
    }`,
  );
}
