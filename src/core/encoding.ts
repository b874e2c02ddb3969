/** Encodes bytes, or a string as UTF-8, in base64. */
export function encodeBase64(data: Uint8Array | string): string {
  return btoa(Array.from(toBytes(data), (byte) => String.fromCharCode(byte)).join(""));
}

/** Encodes bytes, or a string as UTF-8, in base64url without padding, as a JWT does (RFC 7515, section 2). */
export function encodeBase64Url(data: Uint8Array | string): string {
  return encodeBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Encodes bytes in lowercase hexadecimal digits. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the digest of bytes, or of a string as UTF-8. */
export async function digest(
  data: Uint8Array<ArrayBuffer> | string,
  algorithm: "SHA-1" | "SHA-256" = "SHA-256",
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, toBytes(data) as Uint8Array<ArrayBuffer>));
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}
