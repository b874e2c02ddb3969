import { AuthenticationError } from "../errors.ts";
import { CREATE_RSA_KEY, RSA } from "./certificate.ts";
import type { Bytes } from "../core/decoding.ts";
import { contentOf, encodeDer, membersOf, oidOf, readDerOrThrow, readSequence, TAG } from "./der.ts";
import { decryptData, deriveKey, readEncryption } from "./pbes2.ts";
import { decodePem, type PemBlock } from "./pem.ts";

/** Length of a key with 16,384 bits. A signature by a key four times as long takes minutes. */
const MAX_KEY_BYTES = 10_240;

const CONVERT = 'convert it with "openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out key.pem" ' +
  "and append the certificate";
const WRONG_PASSWORD = 'Cannot decrypt the private key: "certificatePassword" is wrong, or the key is damaged';

/** Imports the only private key in the blocks, for signing and not extractable. */
export async function readPrivateKey(
  blocks: readonly PemBlock[],
  password: string | undefined,
  algorithm: RsaHashedImportParams,
): Promise<CryptoKey> {
  const keys = blocks.filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = keys;
  if (!block) {
    throw new AuthenticationError('It contains no private key: "-----BEGIN PRIVATE KEY-----" is missing');
  }
  if (keys.length > 1) {
    throw new AuthenticationError("It contains several private keys: Keep only that of the certificate");
  }
  const key = await readRsaKey(block, password);
  if (key.length > MAX_KEY_BYTES) throw new AuthenticationError("The private key is longer than 16,384 bits");
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
          `The private key is encrypted by an unsupported algorithm ("Proc-Type: 4,ENCRYPTED"): ${CONVERT}`,
        );
      }
      return decodePem(block);
    case "PRIVATE KEY":
      return readDerOrThrow(() => unwrap(decodePem(block)), "The private key is damaged");
    case "ENCRYPTED PRIVATE KEY":
      if (password === undefined) {
        throw new AuthenticationError(
          'The private key is encrypted: set "certificatePassword", ' +
            'or decrypt it with "openssl pkey -in old.pem -out key.pem" and append the certificate',
        );
      }
      return await decrypt(decodePem(block), password);
    default:
      throw new AuthenticationError(`The private key is not an RSA key ("${block.label}"): ${CREATE_RSA_KEY}`);
  }
}

/** Returns the key in a `PrivateKeyInfo` (RFC 5208, section 5). */
function unwrap(bytes: Bytes): Bytes {
  const [_version, algorithm, key] = readSequence(bytes);
  const algorithmOid = oidOf(membersOf(algorithm)[0]);
  if (algorithmOid !== RSA) {
    throw new AuthenticationError(`The private key is not an RSA key ("${algorithmOid}"): ${CREATE_RSA_KEY}`);
  }
  return contentOf(key, TAG.OCTET_STRING);
}

/** Encodes the key as a `PrivateKeyInfo`, the only form that Web Crypto imports. */
function wrap(key: Bytes): Bytes {
  const rsa = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
  return encodeDer(
    TAG.SEQUENCE,
    encodeDer(TAG.INTEGER, Uint8Array.of(0)),
    encodeDer(TAG.SEQUENCE, encodeDer(TAG.OBJECT_IDENTIFIER, rsa), encodeDer(TAG.NULL)),
    encodeDer(TAG.OCTET_STRING, key),
  );
}

/** Returns the key in an `EncryptedPrivateKeyInfo` (RFC 5208, section 6). */
async function decrypt(bytes: Bytes, password: string): Promise<Bytes> {
  const [encryption, data] = readDerOrThrow(() => {
    const [algorithm, data] = readSequence(bytes);
    return [readEncryption(membersOf(algorithm), unsupported), contentOf(data, TAG.OCTET_STRING)] as const;
  }, "The encrypted private key is damaged");
  const { iterations, length } = encryption;
  let key: CryptoKey;
  try {
    key = await deriveKey(encryption, password);
  } catch {
    throw new AuthenticationError(
      `This runtime cannot decrypt the private key (PBKDF2 with ${iterations} iterations, AES with ${length} bits): ` +
        CONVERT,
    );
  }
  // One in 256 wrong passwords gives valid padding, and then malformed data.
  const decrypted = await decryptData(encryption, key, data) ?? new Uint8Array();
  return readDerOrThrow(() => unwrap(decrypted), WRONG_PASSWORD);
}

function unsupported(what: string): never {
  throw new AuthenticationError(
    `The private key is encrypted by an unsupported algorithm ("${what}"): ${CONVERT}`,
  );
}
