import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { bound } from "./bound.ts";
import { toSingleLine } from "./error_response.ts";
import { memberOf, messageOf, messagesOf } from "./unknown_errors.ts";

/**
 * A secret after its name. In JSON the name is in quotation marks, and in JSON within a string these have backslashes.
 */
const NAMED =
  /((?:secret(?:string)?|token|password|passwd|pwd|passphrase|assertion|signature|key|authorization)\\?["']?\s*[:=]\s*\\?["']?)(?:(?<=")(?:[^"\\]|\\.)*|(?<=')(?:[^'\\]|\\.)*|[^\s"',&}]+)/gis;

/**
 * Text that looks like a secret, in a line with single blanks: a token after its scheme, a value after its name or in a
 * query, the user of a URL, a JWT, a client secret of Microsoft Entra, or a long word of base64 or hexadecimal digits.
 */
const SECRET_LIKE = [
  /(authorization\\?["']?\s*[:=]\s*\\?["']?[\w-]+ )[\w+/=~.-]+/gi,
  /(\b(?:bearer|basic) )[\w+/=~.-]+/gi,
  NAMED,
  /([?&][\w.-]+=)[^\s&"']+/g,
  /(:\/\/)[^\s/?#]+(?=@)/g,
  /()\beyJ[\w-]+(?:\.[\w-]*)*/g,
  /()[\w.~-]{3}\dQ~[\w.~-]{31,34}/g,
  /()[\w+/=~-]{40,}/g,
];

/**
 * Returns the message of a value that a callback of the program has thrown, and those of its causes, as one short line
 * without text that looks like a secret; `see "cause"` if it has none. An error of this library contains no
 * secret, but may contain words such as "token:", whose next word would be redacted: returns its message unchanged.
 */
export function reasonOf(error: unknown): string {
  // `instanceof` throws for an object that cannot be read, such as a revoked proxy.
  const isReadable = typeof memberOf(error, "name") === "string";
  if (isReadable && (error instanceof AuthenticationError || error instanceof CredentialUnavailableError)) {
    return error.message;
  }
  return sanitize(messagesOf(error) || messageOf(error)) || 'see "cause"';
}

/** Returns a text of unknown origin as one short line without text that looks like a secret. */
export function sanitize(text: string): string {
  const line = bound(text).replace(/\s+/g, " ");
  const redacted = SECRET_LIKE.reduce((text, secret) => text.replace(secret, "$1[redacted]"), line);
  return toSingleLine(redacted).trim().replace(/\.$/, "");
}
