/**
 * Reads a certificate and its private key from PKCS#12 (`.pfx`, `.p12`), for `ClientCertificateCredential`.
 *
 * Requires the package `node-forge`, an optional peer dependency, because Web Crypto does not support PKCS#12.
 *
 * @example
 * ```ts no-eval
 * import { ClientCertificateCredential } from "@azweb/identity";
 * import { fromPkcs12 } from "@azweb/identity/pkcs12";
 *
 * const bytes = await Deno.readFile("/secrets/app.pfx");
 * const configuration = await fromPkcs12(bytes, "the password");
 * const credential = new ClientCertificateCredential("my-tenant-id", "my-client-id", configuration);
 * ```
 *
 * @module
 */

import { CredentialUnavailableError } from "./errors.ts";
import { type Asn1, derOf, type Forge, membersOf, type PrivateKey, toText } from "./certificates/node_forge.ts";
import { type Content, CONVERT, fail, readContent } from "./certificates/pkcs12_content.ts";

/** A certificate, with the fields that identify its issuer and its key. */
interface Certificate {
  readonly bytes: string;
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: string;
}

const CONTEXT_SPECIFIC = 0x80;

/** Limits far above the size of a key with a long chain. */
const MAX_BYTES = 262_144;
const MAX_CERTIFICATES = 100;

/** Indexes of the fields of a TBSCertificate (RFC 5280, section 4.1), without the optional version. */
const ISSUER = 2;
const SUBJECT = 4;
const PUBLIC_KEY = 5;

/**
 * Reads the private key, its certificate and the certificate's chain from PKCS#12.
 *
 * @param bytes The content of a `.pfx` or `.p12` file.
 * @param password The password of the file, or `""` if it has none.
 * @returns A configuration for `ClientCertificateCredential`: a PEM string in which the private key is not encrypted.
 * @throws {TypeError} An argument has the wrong type.
 * @throws {CredentialUnavailableError} The package `node-forge` is not installed.
 * @throws {AuthenticationError} The password is wrong, or the file cannot be used.
 */
export async function fromPkcs12(bytes: Uint8Array, password: string): Promise<{ certificate: string }> {
  if (!ArrayBuffer.isView(bytes)) throw new TypeError('Argument "bytes" must be a Uint8Array');
  if (typeof password !== "string") {
    throw new TypeError('Argument "password" must be a string; use "" if there is no password');
  }
  const forge = await loadForge();
  const content = await readFile(forge, bytes, password);
  const key = findKey(forge, content.keys);
  const chain = findChain(forge, content.certificates, key).map(({ bytes }) => toPem("CERTIFICATE", bytes));
  const wrapped = forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key));
  return { certificate: chain.join("") + toPem("PRIVATE KEY", derOf(forge, wrapped)) };
}

async function loadForge(): Promise<Forge> {
  try {
    return (await import("node-forge")).default;
  } catch {
    throw new CredentialUnavailableError(
      'Cannot read PKCS#12: The package "node-forge" is missing; run "npm install node-forge"',
    );
  }
}

async function readFile(forge: Forge, bytes: Uint8Array, password: string): Promise<Content> {
  if (bytes.length > MAX_BYTES) fail(`It is larger than ${MAX_BYTES} bytes`);
  const text = toText(bytes);
  if (text.includes("-----BEGIN")) fail('It is PEM text: Pass it to the credential as "certificate"');
  let file: Asn1;
  try {
    file = forge.asn1.fromDer(text);
  } catch {
    fail("It is damaged, or not a PKCS#12 file");
  }
  try {
    return await readContent(forge, file, password);
  } catch (error) {
    if ((error as Error).name === "AuthenticationError") throw error;
    // Without a checksum, one in 256 wrong passwords decrypts to valid padding and fails only when the content is
    // parsed.
    fail(`The password is wrong, or the file is damaged or encrypted by an unsupported algorithm: ${CONVERT}`);
  }
}

function findKey(forge: Forge, keys: readonly Asn1[]): PrivateKey {
  const [key] = keys;
  if (!key) fail("It contains no private key: Export it with the certificate");
  if (keys.length > 1) fail("It contains several private keys: Export one with its certificate");
  try {
    return forge.pki.privateKeyFromAsn1(key);
  } catch {
    fail("The private key is not an RSA key, which Microsoft Entra requires");
  }
}

/** Returns the certificate of the key, followed by that of its issuer, and so on. */
function findChain(forge: Forge, certificateBags: readonly string[], key: PrivateKey): Certificate[] {
  // Some tools export a certificate twice.
  const distinct = [...new Set(certificateBags)];
  if (distinct.length === 0) fail("It contains no certificate: Export it with the private key");
  if (distinct.length > MAX_CERTIFICATES) fail(`It contains more than ${MAX_CERTIFICATES} certificates`);
  const certificates = distinct.map((bytes) => readCertificate(forge, bytes));
  const publicKey = derOf(forge, forge.pki.publicKeyToAsn1(forge.pki.setRsaPublicKey(key.n, key.e)));
  const own = certificates.filter((certificate) => certificate.publicKey === publicKey);
  if (own.length === 0) fail("None of its certificates belongs to the private key");
  if (own.length > 1) fail("It contains several certificates for one private key: Export one of them with the key");
  const chain: Certificate[] = [];
  for (let next: Certificate | undefined = own[0]; next; next = certificates.find(isNext)) chain.push(next);
  return chain;

  function isNext(certificate: Certificate): boolean {
    return !chain.includes(certificate) && certificate.subject === chain.at(-1)!.issuer;
  }
}

function readCertificate(forge: Forge, bytes: string): Certificate {
  try {
    const members = membersOf(membersOf(forge.asn1.fromDer(bytes, false))[0]);
    // The first member may be the optional version.
    const start = members[0]?.tagClass === CONTEXT_SPECIFIC ? 1 : 0;
    const partOf = (member: number) => derOf(forge, members[start + member]!);
    return { bytes, issuer: partOf(ISSUER), subject: partOf(SUBJECT), publicKey: partOf(PUBLIC_KEY) };
  } catch {
    fail("One of its certificates is damaged");
  }
}

function toPem(label: string, bytes: string): string {
  return `-----BEGIN ${label}-----\n${btoa(bytes).replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;
}
