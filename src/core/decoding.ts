/** Bytes in an unshared buffer, which Web Crypto requires. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Decodes base64, which may contain white space; returns `undefined` if it is malformed. */
export function decodeBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Decodes base64url or base64; returns `undefined` if it is malformed. */
export function decodeBase64Url(text: string): Bytes | undefined {
  return decodeBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

/** Decodes hexadecimal digits, which may be separated by colons. */
export function decodeHex(text: string): Bytes {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (digits) => parseInt(digits, 16));
}
