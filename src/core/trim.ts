/** SP, HTAB, CR and LF: the white space in files and variables that are written by hand. */
export const WHITE_SPACE = " \t\r\n";

/**
 * Removes the given characters from both ends of the text. `String.prototype.trim` removes all Unicode white space,
 * which is not the white space of a protocol.
 */
export function trim(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text[start]!)) start++;
  return trimEnd(text.slice(start), characters);
}

/**
 * Removes the given characters from the end of the text, in linear time, which a regular expression does not guarantee.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
