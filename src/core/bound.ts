/** Maximum number of characters of a text from outside that are read. */
export const MAX_LENGTH = 16_384;

/**
 * Returns the beginning of a text from outside: of a response, a header, a query, a cookie, a file or a program. Every such text passes here
 * before a regular expression reads it, unless it is rejected for its length.
 */
export function bound(text: string): string {
  return text.slice(0, MAX_LENGTH);
}
