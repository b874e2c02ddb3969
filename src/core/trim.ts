/** SP, HTAB, CR and LF: the white space of files and variables that are written by hand. */
export const WHITE_SPACE = " \t\r\n";

/**
 * Returns the text without the given characters around it. Not `String.prototype.trim`, which removes every white space of Unicode where a protocol
 * has its own.
 */
export function trim(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text[start]!)) start++;
  return trimEnd(text.slice(start), characters);
}

/** Returns the text without the given characters at its end. A regular expression would try at each of them again. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
