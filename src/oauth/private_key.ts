import { AuthenticationError } from "../errors.ts";
import { MAKE_RSA, RSA } from "./certificate.ts";
import type { Bytes } from "./decode.ts";
import {
  contentOf,
  type Der,
  encodeDer,
  membersOf,
  numberOf,
  oidOf,
  readOrComplain,
  readSequence,
  TAG,
} from "./der.ts";
import { decodePem, type PemBlock } from "./pem.ts";

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";

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

/** More would take many seconds, and nobody means it. */
const MOST_ITERATIONS = 10_000_000;

const ENCRYPT_ANEW = 'convert it with "openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out key.pem" ' +
  "and put the certificate behind it";
const WRONG_PASSWORD = 'Cannot decrypt the private key: "certificatePassword" is wrong, or the key is damaged';

/** Reads the one private key; it can be used to sign, and not be taken out again. */
export async function readPrivateKey(
  blocks: readonly PemBlock[],
  password: string | undefined,
  algorithm: RsaHashedImportParams,
): Promise<CryptoKey> {
  const keys = blocks.filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = keys;
  if (!block) {
    throw new AuthenticationError('It holds no private key: "-----BEGIN PRIVATE KEY-----" is missing');
  }
  if (keys.length > 1) throw new AuthenticationError("It holds several private keys: leave only the certificate's");
  const key = await readRsaKey(block, password);
  try {
    return await crypto.subtle.importKey("pkcs8", wrap(key), algorithm, false, ["sign"]);
  } catch {
    throw new AuthenticationError("The private key is damaged");
  }
}

/** Returns the key as a `RSAPrivateKey` (RFC 8017, appendix A.1.2). */
async function readRsaKey(block: PemBlock, password: string | undefined): Promise<Bytes> {
  switch (block.label) {
    case "RSA PRIVATE KEY":
      if (/^\s*Proc-Type:/.test(block.body)) {
        throw new AuthenticationError(
          `The private key is encrypted in a way that is not supported ("Proc-Type: 4,ENCRYPTED"): ${ENCRYPT_ANEW}`,
        );
      }
      return decodePem(block);
    case "PRIVATE KEY":
      return readOrComplain(() => unwrap(decodePem(block)), "The private key is damaged");
    case "ENCRYPTED PRIVATE KEY":
      if (password === undefined) {
        throw new AuthenticationError(
          'The private key is encrypted: set "certificatePassword", ' +
            'or decrypt it with "openssl pkey -in old.pem -out key.pem" and put the certificate behind it',
        );
      }
      return await decrypt(decodePem(block), password);
    default:
      throw new AuthenticationError(`The private key is of another kind ("${block.label}"): ${MAKE_RSA}`);
  }
}

/** Takes the key out of a `PrivateKeyInfo` (RFC 5208, section 5). */
function unwrap(bytes: Bytes): Bytes {
  const [_version, algorithm, key] = readSequence(bytes);
  const kind = oidOf(membersOf(algorithm)[0]);
  if (kind !== RSA) throw new AuthenticationError(`The private key is of another kind ("${kind}"): ${MAKE_RSA}`);
  return contentOf(key, TAG.OCTET_STRING);
}

/** Puts the key into a `PrivateKeyInfo`, the only form that Web Crypto takes. */
function wrap(key: Bytes): Bytes {
  const rsa = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
  return encodeDer(
    TAG.SEQUENCE,
    encodeDer(TAG.INTEGER, Uint8Array.of(0)),
    encodeDer(TAG.SEQUENCE, encodeDer(TAG.OBJECT_IDENTIFIER, rsa), encodeDer(TAG.NULL)),
    encodeDer(TAG.OCTET_STRING, key),
  );
}

/** Takes the key out of an `EncryptedPrivateKeyInfo` (RFC 5208, section 6; RFC 8018, section 6.2). */
async function decrypt(bytes: Bytes, password: string): Promise<Bytes> {
  const encryption = readOrComplain(() => readEncryption(bytes), "The encrypted private key is damaged");
  const { iterations, length } = encryption;
  let key: CryptoKey;
  try {
    const text = new TextEncoder().encode(password);
    const secret = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveKey"]);
    const derivation = { ...encryption, name: "PBKDF2" };
    key = await crypto.subtle.deriveKey(derivation, secret, { name: "AES-CBC", length }, false, ["decrypt"]);
  } catch {
    // Cloudflare Workers stop at 100,000 iterations, Chromium has no AES with 192 bits.
    throw new AuthenticationError(
      `This runtime cannot decrypt the private key (PBKDF2 with ${iterations} iterations, AES with ${length} bits): ` +
        ENCRYPT_ANEW,
    );
  }
  const decrypted = await crypto.subtle.decrypt({ name: "AES-CBC", iv: encryption.iv }, key, encryption.data)
    // One wrong password of 256 gets past the padding, and leads to no key.
    .catch(() => new ArrayBuffer(0));
  return readOrComplain(() => unwrap(new Uint8Array(decrypted)), WRONG_PASSWORD);
}

interface Encryption {
  readonly salt: Bytes;
  readonly iterations: number;
  readonly hash: string;
  readonly length: number;
  readonly iv: Bytes;
  readonly data: Bytes;
}

function readEncryption(bytes: Bytes): Encryption {
  const [algorithm, data] = readSequence(bytes);
  const [derivation, cipher] = parametersOf(algorithm, PBES2);
  const [salt, rounds, ...optional] = parametersOf(derivation, PBKDF2);
  const prf = optional.find(({ tag }) => tag === TAG.SEQUENCE);
  const hmac = prf ? oidOf(membersOf(prf)[0]) : HMAC_SHA1;
  const iterations = numberOf(rounds);
  const [aes, iv] = membersOf(cipher);
  const hash = HMACS[hmac] ?? unsupported(hmac);
  const length = CIPHERS[oidOf(aes)] ?? unsupported(oidOf(aes));
  if (iterations > MOST_ITERATIONS) unsupported(`${iterations} iterations`);
  return {
    salt: contentOf(salt, TAG.OCTET_STRING),
    iterations,
    hash,
    length,
    iv: contentOf(iv, TAG.OCTET_STRING),
    data: contentOf(data, TAG.OCTET_STRING),
  };
}

/** Returns the parameters of an `AlgorithmIdentifier`, which must be the given one. */
function parametersOf(identifier: Der | undefined, algorithm: string): Der[] {
  const [found, parameters] = membersOf(identifier);
  return oidOf(found) === algorithm ? membersOf(parameters) : unsupported(oidOf(found));
}

function unsupported(what: string): never {
  throw new AuthenticationError(
    `The private key is encrypted in a way that is not supported ("${what}"): ${ENCRYPT_ANEW}`,
  );
}
