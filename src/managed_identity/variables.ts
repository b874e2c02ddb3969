import type { Settings } from "../core/settings.ts";
import { parseUrl } from "../core/url.ts";
import { AuthenticationError } from "../errors.ts";
import type { Machine } from "./source.ts";

/** What a header can hold: the error of a `fetch` that refuses other text repeats it. */
export const HEADER_TEXT: RegExp = /^[\x20-\x7e]+$/;

/** Returns the URL in a variable that is set. Throws an `AuthenticationError` where it holds none. */
export function endpointIn(variable: string, settings: Settings, protocols: RegExp = /^https?:$/): string {
  const url = parseUrl(settings.env(variable));
  if (url && protocols.test(url.protocol) && !url.username && !url.password && !url.hash) return url.href;
  const schemes = protocols.test("http:") ? '"http:" or "https:"' : '"https:"';
  throw new AuthenticationError(
    `Cannot use the variable ${variable}: It must be a URL with ${schemes} and without user and fragment`,
  );
}

/** Returns the URL in a variable that is set, to which a path is appended. Throws as {@linkcode endpointIn} does, and for a query. */
export function hostIn(variable: string, settings: Settings): string {
  const url = endpointIn(variable, settings);
  if (!url.includes("?")) return url;
  throw new AuthenticationError(`Cannot use the variable ${variable}: It must be a URL without query`);
}

/** Returns the client id in a variable, if that is set. Throws an `AuthenticationError` where it can be nobody's. */
export function clientIdIn(variable: string, settings: Settings): string | undefined {
  const value = settings.env(variable) || undefined;
  if (!value || !/[^!-~]/.test(value)) return value;
  throw new AuthenticationError(`Cannot use the variable ${variable}: It must be a client id, without spaces`);
}

/** Returns the secret in a variable that is set. Throws an `AuthenticationError` where no header can hold it. */
export function headerIn(variable: string, settings: Settings): string {
  const value = settings.env(variable)!;
  if (HEADER_TEXT.test(value)) return value;
  throw new AuthenticationError(`Cannot use the variable ${variable}: It must be printable ASCII characters`);
}

/** Throws an `AuthenticationError` for an identity that the source cannot have. */
export function refuseIdentity(
  source: string,
  { identity }: Machine,
  kinds: readonly string[] = ["clientId", "objectId", "resourceId"],
): void {
  if (!identity || !kinds.includes(identity.kind)) return;
  const where = identity.variable ? ` of the variable ${identity.variable}` : "";
  throw new AuthenticationError(
    `Cannot get a token for the user-assigned identity "${identity.id}"${where}: ${source} ${
      kinds.length > 2 ? "has one identity only: Give no id" : "knows identities by client id only"
    }`,
  );
}
