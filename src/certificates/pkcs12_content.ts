import { AuthenticationError } from "../errors.ts";
import type { Bytes } from "../core/decoding.ts";
import { readSequence } from "./der.ts";
import { type Asn1, bytesOf, derOf, type Forge, membersOf, toBytes, toText } from "./node_forge.ts";
import { decryptData, deriveKey, MAX_ITERATIONS, PBES2, readEncryption } from "./pbes2.ts";

/** What a file holds. */
export interface Content {
  /** Each a `PrivateKeyInfo`. */
  readonly keys: Asn1[];
  /** Each as the bytes of its DER. */
  readonly certificates: string[];
}

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const KEY_BAG = "1.2.840.113549.1.12.10.1.1";
const ENCRYPTED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const X509 = "1.2.840.113549.1.9.22.1";

/** The digests of the checksum, by their names in `node-forge`. */
const DIGESTS: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** What a derived key is for (RFC 7292, appendix B.3). */
const CHECKSUM = 3;

/** Of the derivations that `node-forge` computes, together: meanwhile the program does nothing else. */
const MAX_BLOCKING_ITERATIONS = 100_000;

/** What to do with a file that cannot be read here. */
export const CONVERT: string = 'convert it with "openssl pkcs12 -in old.pfx -out new.pem -nodes" and give the PEM text';

/** Reads a `PFX` (RFC 7292, section 4). Keys are derived one by one, each after its number of iterations has been checked. */
export async function readContent(forge: Forge, file: Asn1, password: string): Promise<Content> {
  const { asn1, hmac, md, pkcs12, pki, util } = forge;
  const content: Content = { keys: [], certificates: [] };
  /** Iterations so far: of `node-forge`, and of Web Crypto. */
  let [blocking, concurrent] = [0, 0];

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
    block(count);
    const saltBuffer = util.createBuffer(bytesOf(salt));
    const key = pkcs12.generateKey(password, saltBuffer, CHECKSUM, count, digest.digestLength, digest);
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
    block(numberOf(membersOf(parameters)[1]));
    const cipher = pki.pbe.getCipher(oid, parameters, password);
    cipher.update(util.createBuffer(bytesOf(data)));
    if (!cipher.finish()) fail("The password is wrong");
    return cipher.output.getBytes();
  }

  /** Not by `node-forge`, which takes a hundred times as long and lets nothing else run meanwhile. */
  async function decryptPbes2(algorithm: Bytes, data: Bytes): Promise<string> {
    const refuse = (what: string) => fail(`It is encrypted with ${what}: ${CONVERT}`);
    const encryption = readEncryption(readSequence(algorithm), refuse);
    concurrent += encryption.iterations;
    if (concurrent > MAX_ITERATIONS) tooMany(concurrent);
    const key = await deriveKey(encryption, password).catch(() =>
      fail(`This runtime cannot derive its keys (PBKDF2 with ${encryption.iterations} iterations): ${CONVERT}`)
    );
    const decrypted = await decryptData(encryption, key, data) ?? fail("The password is wrong");
    return toText(decrypted);
  }

  function block(iterations: number): void {
    blocking += iterations;
    if (blocking > MAX_BLOCKING_ITERATIONS) tooMany(blocking);
  }

  function oidOf(value: Asn1 | undefined): string {
    return asn1.derToOid(bytesOf(value));
  }
}

/** Returns the value behind the type of a `ContentInfo`, a bag or a certificate in one, which is explicitly tagged. */
function explicitIn(value: Asn1 | undefined): Asn1 {
  const [inner] = membersOf(membersOf(value)[1]);
  if (inner) return inner;
  throw new SyntaxError("ASN.1 value is empty");
}

function numberOf(value: Asn1 | undefined): number {
  return toBytes(bytesOf(value)).reduce((number, byte) => number * 256 + byte, 0);
}

function tooMany(iterations: number): never {
  fail(`Its keys take ${iterations} iterations to derive, which would take too long: ${CONVERT}`);
}

/** Throws the error of a file that cannot be read. */
export function fail(reason: string): never {
  throw new AuthenticationError(`Cannot read PKCS#12: ${reason}`);
}
