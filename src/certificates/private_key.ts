import { AuthenticationError } from "../errors.ts";
import { MAKE_RSA, RSA } from "./certificate.ts";
import type { Bytes } from "../core/decoding.ts";
import { contentOf, encodeDer, membersOf, oidOf, readOrComplain, readSequence, TAG } from "./der.ts";
import { decryptData, deriveKey, readEncryption } from "./pbes2.ts";
import { decodePem, type PemBlock } from "./pem.ts";

/** What a key of 16,384 bits takes. To sign with one of four times as many takes minutes. */
const MAX_KEY_BYTES = 10_240;

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

/** Takes the key out of an `EncryptedPrivateKeyInfo` (RFC 5208, section 6). */
async function decrypt(bytes: Bytes, password: string): Promise<Bytes> {
  const [encryption, data] = readOrComplain(() => {
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
        ENCRYPT_ANEW,
    );
  }
  // A wrong password that gets past the padding leads to no key.
  const decrypted = await decryptData(encryption, key, data) ?? new Uint8Array();
  return readOrComplain(() => unwrap(decrypted), WRONG_PASSWORD);
}

function unsupported(what: string): never {
  throw new AuthenticationError(
    `The private key is encrypted in a way that is not supported ("${what}"): ${ENCRYPT_ANEW}`,
  );
}
