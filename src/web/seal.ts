import { encodeBase64Url } from "../core/encoding.ts";
import { decodeBase64Url } from "../core/decoding.ts";

// `CryptoKey` by another name, because Node's types declare that one only in a module, not as a global.
/** A key for AES-GCM: a `CryptoKey` with 256 bits, extractable or not, or 32 bytes in base64. */
export type SealingKey = Awaited<ReturnType<typeof crypto.subtle.importKey>> | string;

/** Encrypts and authenticates text. */
export interface Seal {
  /** Returns the sealed text, in base64url. */
  seal(text: string): Promise<string>;
  /** Returns the text, or `undefined` if it was sealed with another key or for another purpose, or was modified. */
  open(sealed: string): Promise<string | undefined>;
}

const IV_LENGTH = 12;
const KEY_LENGTH = 32;
const KEY_USAGES = ["encrypt", "decrypt"] as const;

/**
 * Creates a seal for one purpose: AES-GCM (NIST SP 800-38D) with a random IV. The first key seals, and every key opens.
 */
export function createSeal(keys: readonly SealingKey[], purpose: readonly string[]): Seal {
  // Binds the sealed text to its purpose.
  const additionalData = new TextEncoder().encode(JSON.stringify(purpose));
  return {
    async seal(text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_LENGTH));
      const algorithm = { name: "AES-GCM", iv, additionalData };
      const sealed = await crypto.subtle.encrypt(algorithm, await load(keys[0]!), new TextEncoder().encode(text));
      const all = new Uint8Array(IV_LENGTH + sealed.byteLength);
      all.set(iv);
      all.set(new Uint8Array(sealed), IV_LENGTH);
      return encodeBase64Url(all);
    },
    async open(sealed) {
      const bytes = decodeBase64Url(sealed) ?? new Uint8Array();
      const algorithm = { name: "AES-GCM", iv: bytes.slice(0, IV_LENGTH), additionalData };
      for (const key of keys) {
        try {
          const text = await crypto.subtle.decrypt(algorithm, await load(key), bytes.slice(IV_LENGTH));
          return new TextDecoder().decode(text);
        } catch {
          // The next key may open it.
        }
      }
      return undefined;
    },
  };
}

/** Returns the sealing keys. Throws a `TypeError` unless the value is a key or an array of keys. */
export function checkSealingKeys(value: unknown, option: string): readonly SealingKey[] {
  const keys: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (keys.length > 0 && keys.every(isSealingKey)) return keys as readonly SealingKey[];
  throw new TypeError(
    `Option "${option}" must be 32 bytes in base64, such as from "openssl rand -base64 32", or a CryptoKey for AES-GCM with 256 bits ` +
      'and the usages "encrypt" and "decrypt"; or an array of such keys',
  );
}

function isSealingKey(value: unknown): boolean {
  if (typeof value === "string") return decodeBase64Url(value)?.length === KEY_LENGTH;
  const { algorithm, usages } = Object(value) as Partial<Exclude<SealingKey, string>>;
  const { name, length } = Object(algorithm) as { readonly name?: unknown; readonly length?: unknown };
  return name === "AES-GCM" && length === KEY_LENGTH * 8 && KEY_USAGES.every((usage) => usages?.includes(usage));
}

async function load(key: SealingKey): Promise<Exclude<SealingKey, string>> {
  return typeof key === "string"
    ? await crypto.subtle.importKey("raw", decodeBase64Url(key)!, "AES-GCM", false, [...KEY_USAGES])
    : key;
}
