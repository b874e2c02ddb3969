import { AuthenticationError } from "../errors.ts";
import type { Bytes } from "../core/decoding.ts";

/** A value in DER, the encoding of certificates and keys (ITU-T X.690). */
export interface Der {
  /** The type. */
  readonly tag: number;
  /** The content octets. */
  readonly content: Bytes;
  /** The whole encoding, including tag and length. */
  readonly encoded: Bytes;
}

/** The tags in certificates and RSA keys. */
export const TAG = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  VERSION: 0xa0,
} as const;

/** Maximum length of an object identifier, far above that of any algorithm. */
const MAX_OID_BYTES = 64;

/** Reads consecutive values. Throws a `SyntaxError` if the data is malformed. */
function readDer(data: Bytes): Der[] {
  const values: Der[] = [];
  for (let start = 0; start < data.length;) {
    const tag = data[start]!;
    let from = start + 2;
    let length = data[start + 1] ?? 0x80;
    // In the long form, the first octet is 0x80 plus the number of octets of the length.
    if (length >= 0x80) {
      const size = length - 0x80;
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + (data[from++] ?? Infinity);
    }
    const end = from + length;
    if (end > data.length) throw new SyntaxError("DER value is truncated");
    values.push({ tag, content: data.subarray(from, end), encoded: data.subarray(start, end) });
    start = end;
  }
  return values;
}

/** Returns the members of a sequence. Throws a `SyntaxError` unless the data is exactly one sequence. */
export function readSequence(data: Bytes): Der[] {
  const [sequence, ...rest] = readDer(data);
  if (rest.length > 0) throw new SyntaxError("DER value is followed by other data");
  return membersOf(sequence);
}

/** Returns the content of a value. Throws a `SyntaxError` if the value is missing or has another tag. */
export function contentOf(value: Der | undefined, tag: number): Bytes {
  if (value?.tag === tag) return value.content;
  throw new SyntaxError(`DER value with tag ${tag} is missing`);
}

/** Returns the members of a sequence. Throws a `SyntaxError` for another value. */
export function membersOf(value: Der | undefined): Der[] {
  return readDer(contentOf(value, TAG.SEQUENCE));
}

/** Returns an object identifier in its dotted form. Throws a `SyntaxError` for another value. */
export function oidOf(value: Der | undefined): string {
  const content = contentOf(value, TAG.OBJECT_IDENTIFIER);
  // Bounded, because messages contain it.
  if (content.length > MAX_OID_BYTES) throw new SyntaxError("Object identifier is too long");
  const arcs = [0];
  for (const byte of content) {
    arcs.push(arcs.pop()! * 128 + byte % 128);
    if (byte < 128) arcs.push(0);
  }
  // The first two arcs are encoded as one number.
  const first = Math.min(Math.floor(arcs[0]! / 40), 2);
  return [first, arcs[0]! - 40 * first, ...arcs.slice(1, -1)].join(".");
}

/** Returns a small non-negative integer, such as a count. Throws a `SyntaxError` for another value. */
export function numberOf(value: Der | undefined): number {
  return contentOf(value, TAG.INTEGER).reduce((number, byte) => number * 256 + byte, 0);
}

/** Runs a reader of DER. Throws an `AuthenticationError` with the message if the data is malformed. */
export function readDerOrThrow<T>(read: () => T, message: string): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof SyntaxError ? new AuthenticationError(message) : error;
  }
}

/** Encodes a value. */
export function encodeDer(tag: number, ...contents: Bytes[]): Bytes {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const size: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 + size.length, ...size];
  const encoded = new Uint8Array(head.length + length);
  encoded.set(head);
  let offset = head.length;
  for (const content of contents) {
    encoded.set(content, offset);
    offset += content.length;
  }
  return encoded;
}
