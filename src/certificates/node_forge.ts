import type { Bytes } from "../core/decoding.ts";

/** A value in DER as `node-forge` has it: bytes stand in strings, one a character. */
export interface Asn1 {
  readonly tagClass: number;
  readonly value: string | readonly Asn1[];
}

export interface PrivateKey {
  readonly n: unknown;
  readonly e: unknown;
}

/** Bytes that `node-forge` writes. */
interface Output {
  getBytes(): string;
}

/** The part of `node-forge` that is used. */
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

/** Returns the members of a constructed value. Throws a `SyntaxError` for another. */
export function membersOf(value: Asn1 | undefined): readonly Asn1[] {
  if (typeof value?.value === "object") return value.value;
  throw new SyntaxError("ASN.1 value has no members");
}

/** Returns the bytes of a value, which may come in pieces (BER). */
export function bytesOf(value: Asn1 | undefined): string {
  return typeof value?.value === "string" ? value.value : membersOf(value).map(bytesOf).join("");
}

/** Returns the bytes that `node-forge` has in a string. */
export function toBytes(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Returns the bytes as `node-forge` takes them. */
export function toText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Returns the bytes of a value, tag and length included. */
export function derOf({ asn1 }: Forge, value: Asn1): string {
  return asn1.toDer(value).getBytes();
}
