/** Maximum number of characters that are read of untrusted input. */
export const MAX_LENGTH = 16_384;

/**
 * Truncates untrusted input: text of a response, a header, a query, a cookie, a file or a program. Must be applied
 * before a regular expression reads such a text, unless a text of that length is rejected.
 */
export function bound(text: string): string {
  return text.slice(0, MAX_LENGTH);
}
