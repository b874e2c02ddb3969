import { KEY, SHA1, SHA256 } from "./certificates.ts";

/** The thumbprints of `CERTIFICATE`, as in the header of a client assertion. */
export const X5T: string = base64Url(binaryOf(SHA1));
export const X5T_S256: string = base64Url(binaryOf(SHA256));

const ALGORITHMS = {
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

/**
 * Signs a client assertion with `KEY`, using only Web Crypto. An unknown `alg` is written to the header but not used.
 */
export async function signAssertion(
  claims: object,
  header: { alg?: string; [name: string]: unknown } = {},
): Promise<string> {
  const algorithm = ALGORITHMS[header.alg as keyof typeof ALGORITHMS] ?? ALGORITHMS.PS256;
  const key = await crypto.subtle.importKey("pkcs8", keyBytes(), algorithm, false, ["sign"]);
  const data = [{ typ: "JWT", alg: "PS256", ...header }, claims].map((part) => base64Url(JSON.stringify(part))).join(
    ".",
  );
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(data));
  return `${data}.${base64Url(String.fromCharCode(...new Uint8Array(signature)))}`;
}

/** Returns the public key of `KEY` as a JWK Set. */
export async function publicKeys(kid: string): Promise<{ keys: object[] }> {
  const key = await crypto.subtle.importKey("pkcs8", keyBytes(), ALGORITHMS.RS256, true, ["sign"]);
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", key);
  return { keys: [{ kty, n, e, kid }] };
}

function keyBytes(): Uint8Array<ArrayBuffer> {
  const base64 = KEY.replace(/-----[^-]+-----|\s/g, "");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function binaryOf(fingerprint: string): string {
  return String.fromCharCode(...fingerprint.split(":").map((byte) => parseInt(byte, 16)));
}

function base64Url(binary: string): string {
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
