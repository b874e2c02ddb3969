/** Bytes in memory of their own, as Web Crypto takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Decodes base64, white space within or not; returns `undefined` where it is none. */
export function decodeBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Decodes base64url, or base64; returns `undefined` where it is neither. */
export function decodeBase64Url(text: string): Bytes | undefined {
  return decodeBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

/** Decodes hexadecimal digits, with colons between or without. */
export function decodeHex(text: string): Bytes {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (digits) => parseInt(digits, 16));
}
