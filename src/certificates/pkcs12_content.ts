import { AuthenticationError } from "../errors.ts";
import type { Bytes } from "../core/decoding.ts";
import { readSequence } from "./der.ts";
import { type Asn1, bytesOf, derOf, type Forge, membersOf, toBytes, toText } from "./node_forge.ts";
import { decryptData, deriveKey, MAX_ITERATIONS, PBES2, readEncryption } from "./pbes2.ts";

/** Content of a PKCS#12 file. */
export interface Content {
  /** The private keys, each as a `PrivateKeyInfo`. */
  readonly keys: Asn1[];
  /** The certificates, each as a byte string of its DER. */
  readonly certificates: string[];
}

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const KEY_BAG = "1.2.840.113549.1.12.10.1.1";
const ENCRYPTED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const X509 = "1.2.840.113549.1.9.22.1";

/** Digests of the integrity check, by name in `node-forge`. */
const DIGESTS: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** Identifies a key for the integrity check (RFC 7292, appendix B.3). */
const MAC_KEY_ID = 3;

/** Maximum total number of iterations that `node-forge` computes, because they block the event loop. */
const MAX_BLOCKING_ITERATIONS = 100_000;

/** Next step for an unsupported file. */
export const CONVERT: string = 'convert it with "openssl pkcs12 -in old.pfx -out new.pem -nodes" and pass the PEM text';

/** Reads a `PFX` (RFC 7292, section 4). Derives the keys one by one, each after a check of its number of iterations. */
export async function readContent(forge: Forge, file: Asn1, password: string): Promise<Content> {
  const { asn1, hmac, md, pkcs12, pki, util } = forge;
  const content: Content = { keys: [], certificates: [] };
  // Numbers of iterations so far, in node-forge and in Web Crypto.
  let [blocking, asynchronous] = [0, 0];

  const [, authSafe, checksum] = membersOf(file);
  const safe = bytesOf(explicitIn(authSafe));
  if (checksum) checkIntegrity(checksum);
  for (const info of membersOf(asn1.fromDer(safe, false))) {
    const bags = await safeContentsOf(info);
    for (const bag of bags === "" ? [] : membersOf(asn1.fromDer(bags, false))) await readBag(bag);
  }
  return content;

  function checkIntegrity(value: Asn1): void {
    const [digestInfo, salt, iterations] = membersOf(value);
    const [algorithm, expected] = membersOf(digestInfo);
    const digest = md[DIGESTS[oidOf(membersOf(algorithm)[0])]!]!.create();
    const count = iterations ? numberOf(iterations) : 1;
    countBlocking(count);
    const saltBuffer = util.createBuffer(bytesOf(salt));
    const key = pkcs12.generateKey(password, saltBuffer, MAC_KEY_ID, count, digest.digestLength, digest);
    const mac = hmac.create();
    mac.start(digest, key);
    mac.update(safe);
    if (mac.getMac().getBytes() !== bytesOf(expected)) fail("The password is wrong");
  }

  /** Returns the `SafeContents` of a `ContentInfo`. */
  async function safeContentsOf(info: Asn1): Promise<string> {
    const [type] = membersOf(info);
    const inner = explicitIn(info);
    if (oidOf(type) === DATA) return bytesOf(inner);
    if (oidOf(type) !== ENCRYPTED_DATA) throw new SyntaxError("Unknown content");
    const [, algorithm, data] = membersOf(membersOf(inner)[1]);
    return await decrypt(algorithm, data);
  }

  async function readBag(bag: Asn1): Promise<void> {
    const [type] = membersOf(bag);
    const value = explicitIn(bag);
    switch (oidOf(type)) {
      case KEY_BAG:
        content.keys.push(value);
        break;
      case ENCRYPTED_KEY_BAG: {
        const [algorithm, data] = membersOf(value);
        content.keys.push(asn1.fromDer(await decrypt(algorithm, data)));
        break;
      }
      case CERTIFICATE_BAG:
        if (oidOf(membersOf(value)[0]) === X509) content.certificates.push(bytesOf(explicitIn(value)));
    }
  }

  async function decrypt(algorithm: Asn1 | undefined, data: Asn1 | undefined): Promise<string> {
    const [type, parameters] = membersOf(algorithm) as [Asn1, Asn1];
    const oid = oidOf(type);
    if (oid === PBES2) return await decryptPbes2(toBytes(derOf(forge, algorithm!)), toBytes(bytesOf(data)));
    countBlocking(numberOf(membersOf(parameters)[1]));
    const cipher = pki.pbe.getCipher(oid, parameters, password);
    cipher.update(util.createBuffer(bytesOf(data)));
    if (!cipher.finish()) fail("The password is wrong");
    return cipher.output.getBytes();
  }

  /** Decrypts by Web Crypto, because `node-forge` is a hundred times slower and blocks the event loop. */
  async function decryptPbes2(algorithm: Bytes, data: Bytes): Promise<string> {
    const onUnsupported = (what: string) => fail(`It is encrypted with ${what}: ${CONVERT}`);
    const encryption = readEncryption(readSequence(algorithm), onUnsupported);
    asynchronous += encryption.iterations;
    if (asynchronous > MAX_ITERATIONS) failForIterations(asynchronous);
    const key = await deriveKey(encryption, password).catch(() =>
      fail(`This runtime cannot derive its keys (PBKDF2 with ${encryption.iterations} iterations): ${CONVERT}`)
    );
    const decrypted = await decryptData(encryption, key, data) ?? fail("The password is wrong");
    return toText(decrypted);
  }

  function countBlocking(iterations: number): void {
    blocking += iterations;
    if (blocking > MAX_BLOCKING_ITERATIONS) failForIterations(blocking);
  }

  function oidOf(value: Asn1 | undefined): string {
    return asn1.derToOid(bytesOf(value));
  }
}

/** Returns the explicitly tagged value of a `ContentInfo`, a bag, or a certificate in a bag. */
function explicitIn(value: Asn1 | undefined): Asn1 {
  const [inner] = membersOf(membersOf(value)[1]);
  if (inner) return inner;
  throw new SyntaxError("ASN.1 value is empty");
}

function numberOf(value: Asn1 | undefined): number {
  return toBytes(bytesOf(value)).reduce((number, byte) => number * 256 + byte, 0);
}

function failForIterations(iterations: number): never {
  fail(`Its keys take ${iterations} iterations to derive, which would take too long: ${CONVERT}`);
}

/** Throws the error for a file that cannot be read. */
export function fail(reason: string): never {
  throw new AuthenticationError(`Cannot read PKCS#12: ${reason}`);
}
