import type { Bytes } from "../core/decoding.ts";
import { contentOf, type Der, membersOf, numberOf, oidOf, TAG } from "./der.ts";

/** Object identifier of PBES2, password-based encryption (RFC 8018, section 6.2). */
export const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";

/** Maximum number of iterations of PBKDF2. More would take many seconds, and no tool creates such files. */
export const MAX_ITERATIONS = 10_000_000;

/** The default pseudorandom function of PBKDF2 (RFC 8018, appendix A.2). */
const HMAC_SHA1 = "1.2.840.113549.2.7";

const HMACS: Readonly<Record<string, string>> = {
  [HMAC_SHA1]: "SHA-1",
  "1.2.840.113549.2.9": "SHA-256",
  "1.2.840.113549.2.10": "SHA-384",
  "1.2.840.113549.2.11": "SHA-512",
};

/** Lengths of AES keys in CBC mode, in bits. */
const CIPHERS: Readonly<Record<string, number>> = {
  "2.16.840.1.101.3.4.1.2": 128,
  "2.16.840.1.101.3.4.1.22": 192,
  "2.16.840.1.101.3.4.1.42": 256,
};

/** Parameters of PBES2: those of PBKDF2 and of AES in CBC mode. */
export interface Encryption {
  readonly salt: Bytes;
  readonly iterations: number;
  readonly hash: string;
  /** Length of the AES key, in bits. */
  readonly length: number;
  readonly iv: Bytes;
}

/**
 * Reads the members of an `AlgorithmIdentifier`. Calls `onUnsupported` with the identifier of an unsupported algorithm.
 * Throws a `SyntaxError` if the data is malformed.
 */
export function readEncryption(
  algorithmIdentifier: readonly Der[],
  onUnsupported: (what: string) => never,
): Encryption {
  const [derivation, cipher] = parametersOf(algorithmIdentifier, PBES2);
  const [salt, rounds, ...optional] = parametersOf(membersOf(derivation), PBKDF2);
  const prf = optional.find(({ tag }) => tag === TAG.SEQUENCE);
  const hmac = prf ? oidOf(membersOf(prf)[0]) : HMAC_SHA1;
  const iterations = numberOf(rounds);
  const [aes, iv] = membersOf(cipher);
  const hash = HMACS[hmac] ?? onUnsupported(hmac);
  const length = CIPHERS[oidOf(aes)] ?? onUnsupported(oidOf(aes));
  if (iterations > MAX_ITERATIONS) onUnsupported(`${iterations} iterations`);
  return { salt: contentOf(salt, TAG.OCTET_STRING), iterations, hash, length, iv: contentOf(iv, TAG.OCTET_STRING) };

  function parametersOf([identifier, parameters]: readonly Der[], algorithm: string): Der[] {
    return oidOf(identifier) === algorithm ? membersOf(parameters) : onUnsupported(oidOf(identifier));
  }
}

/**
 * Derives the key. Rejects if the runtime cannot: workerd supports at most 100,000 iterations, Chromium no AES with 192
 * bits.
 */
export async function deriveKey(encryption: Encryption, password: string): Promise<CryptoKey> {
  const text = new TextEncoder().encode(password);
  const secret = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveKey"]);
  const cipher = { name: "AES-CBC", length: encryption.length };
  return await crypto.subtle.deriveKey({ ...encryption, name: "PBKDF2" }, secret, cipher, false, ["decrypt"]);
}

/**
 * Decrypts data; returns `undefined` if the key is wrong. One in 256 wrong keys is not detected, because the padding is
 * valid by chance.
 */
export async function decryptData({ iv }: Encryption, key: CryptoKey, data: Bytes): Promise<Bytes | undefined> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv }, key, data));
  } catch {
    return undefined;
  }
}
