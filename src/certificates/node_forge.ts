import type { Bytes } from "../core/decoding.ts";

/** A value in DER as `node-forge` represents it. Bytes are strings with one byte per character. */
export interface Asn1 {
  readonly tagClass: number;
  readonly value: string | readonly Asn1[];
}

/** An RSA private key. */
export interface PrivateKey {
  readonly n: unknown;
  readonly e: unknown;
}

/** A byte buffer of `node-forge`. */
interface Output {
  getBytes(): string;
}

/** The used part of the API of `node-forge`. */
export interface Forge {
  readonly asn1: {
    derToOid(bytes: string): string;
    fromDer(bytes: string, strict?: boolean): Asn1;
    toDer(value: Asn1): Output;
  };
  readonly hmac: {
    create(): { start(digest: object, key: unknown): void; update(bytes: string): void; getMac(): Output };
  };
  readonly md: { readonly [name: string]: { create(): object & { readonly digestLength: number } } };
  readonly pkcs12: {
    generateKey(password: string, salt: object, id: number, iterations: number, size: number, digest: object): unknown;
  };
  readonly pki: {
    readonly pbe: {
      getCipher(oid: string, parameters: Asn1, password: string): {
        readonly output: Output;
        update(data: object): void;
        finish(): boolean;
      };
    };
    privateKeyFromAsn1(value: Asn1): PrivateKey;
    privateKeyToAsn1(key: PrivateKey): Asn1;
    publicKeyToAsn1(key: unknown): Asn1;
    setRsaPublicKey(n: unknown, e: unknown): unknown;
    wrapRsaPrivateKey(key: Asn1): Asn1;
  };
  readonly util: { createBuffer(bytes: string): object };
}

/** Returns the members of a constructed value. Throws a `SyntaxError` for a primitive value. */
export function membersOf(value: Asn1 | undefined): readonly Asn1[] {
  if (typeof value?.value === "object") return value.value;
  throw new SyntaxError("ASN.1 value has no members");
}

/** Returns the bytes of a value, which may be segmented (BER). */
export function bytesOf(value: Asn1 | undefined): string {
  return typeof value?.value === "string" ? value.value : membersOf(value).map(bytesOf).join("");
}

/** Converts a byte string of `node-forge` to bytes. */
export function toBytes(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Converts bytes to a byte string of `node-forge`. */
export function toText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Returns the whole encoding of a value, including tag and length. */
export function derOf({ asn1 }: Forge, value: Asn1): string {
  return asn1.toDer(value).getBytes();
}
