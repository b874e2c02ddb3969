import type { Bytes } from "../core/decoding.ts";
import { contentOf, type Der, membersOf, numberOf, oidOf, TAG } from "./der.ts";

/** Encryption by a password (RFC 8018, section 6.2). */
export const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";

/** Maximum number of iterations of PBKDF2. More would take many seconds, and no tool makes files like that. */
export const MAX_ITERATIONS = 10_000_000;

/** What stands for itself when none is named. */
const HMAC_SHA1 = "1.2.840.113549.2.7";

const HMACS: Readonly<Record<string, string>> = {
  [HMAC_SHA1]: "SHA-1",
  "1.2.840.113549.2.9": "SHA-256",
  "1.2.840.113549.2.10": "SHA-384",
  "1.2.840.113549.2.11": "SHA-512",
};

/** The lengths of the AES keys in CBC mode, in bits. */
const CIPHERS: Readonly<Record<string, number>> = {
  "2.16.840.1.101.3.4.1.2": 128,
  "2.16.840.1.101.3.4.1.22": 192,
  "2.16.840.1.101.3.4.1.42": 256,
};

/** How data is encrypted: the parameters of PBKDF2 and of AES in CBC mode. */
export interface Encryption {
  readonly salt: Bytes;
  readonly iterations: number;
  readonly hash: string;
  /** The length of the AES key in bits. */
  readonly length: number;
  readonly iv: Bytes;
}

/**
 * Reads the members of an `AlgorithmIdentifier`. Calls `refuse` with the name of an algorithm that is not supported. Throws a `SyntaxError`
 * for other data.
 */
export function readEncryption(identifier: readonly Der[], refuse: (what: string) => never): Encryption {
  const [derivation, cipher] = parametersOf(identifier, PBES2);
  const [salt, rounds, ...optional] = parametersOf(membersOf(derivation), PBKDF2);
  const prf = optional.find(({ tag }) => tag === TAG.SEQUENCE);
  const hmac = prf ? oidOf(membersOf(prf)[0]) : HMAC_SHA1;
  const iterations = numberOf(rounds);
  const [aes, iv] = membersOf(cipher);
  const hash = HMACS[hmac] ?? refuse(hmac);
  const length = CIPHERS[oidOf(aes)] ?? refuse(oidOf(aes));
  if (iterations > MAX_ITERATIONS) refuse(`${iterations} iterations`);
  return { salt: contentOf(salt, TAG.OCTET_STRING), iterations, hash, length, iv: contentOf(iv, TAG.OCTET_STRING) };

  function parametersOf([found, parameters]: readonly Der[], algorithm: string): Der[] {
    return oidOf(found) === algorithm ? membersOf(parameters) : refuse(oidOf(found));
  }
}

/** Derives the key. Rejects where the runtime cannot: workerd has at most 100,000 iterations, Chromium no AES with 192 bits. */
export async function deriveKey(encryption: Encryption, password: string): Promise<CryptoKey> {
  const text = new TextEncoder().encode(password);
  const secret = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveKey"]);
  const cipher = { name: "AES-CBC", length: encryption.length };
  return await crypto.subtle.deriveKey({ ...encryption, name: "PBKDF2" }, secret, cipher, false, ["decrypt"]);
}

/** Decrypts data; `undefined` where the key is wrong, of which one in 256 passes unnoticed. */
export async function decryptData({ iv }: Encryption, key: CryptoKey, data: Bytes): Promise<Bytes | undefined> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv }, key, data));
  } catch {
    return undefined;
  }
}
