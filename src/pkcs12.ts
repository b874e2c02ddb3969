/**
 * Reads a certificate and its private key from PKCS#12 (`.pfx`, `.p12`), for `ClientCertificateCredential`.
 *
 * Needs the package `node-forge`, an optional peer dependency: Web Crypto knows nothing of PKCS#12.
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

import { AuthenticationError, CredentialUnavailableError } from "./errors.ts";

/** A value in DER as `node-forge` has it. */
interface Asn1 {
  readonly tagClass: number;
  readonly value: readonly Asn1[];
}

interface PrivateKey {
  readonly n: unknown;
  readonly e: unknown;
}

/** What a PKCS#12 file holds. Where `node-forge` does not know the kind of key or signature, only `asn1` is there. */
interface Bag {
  readonly asn1: Asn1;
  readonly key?: PrivateKey | null;
  readonly cert?: { readonly tbsCertificate: Asn1; readonly signature: string } | null;
}

/** The part of `node-forge` that is used. Bytes stand in strings there, one a character. */
interface Forge {
  readonly asn1: {
    create(tagClass: number, type: number, constructed: boolean, value: readonly Asn1[] | string): Asn1;
    fromDer(bytes: string): Asn1;
    toDer(value: Asn1): { getBytes(): string };
  };
  readonly pkcs12: {
    pkcs12FromAsn1(
      value: Asn1,
      strict: boolean,
      password: string,
    ): { safeContents: readonly { safeBags: readonly Bag[] }[] };
  };
  readonly pki: {
    privateKeyToAsn1(key: PrivateKey): Asn1;
    publicKeyToAsn1(key: unknown): Asn1;
    setRsaPublicKey(n: unknown, e: unknown): unknown;
    wrapRsaPrivateKey(key: Asn1): Asn1;
  };
}

const CONTEXT_SPECIFIC = 0x80;
const BIT_STRING = 0x03;
const SEQUENCE = 0x10;

/** Members of a certificate's signed part (RFC 5280, section 4.1), counted from behind the version. */
const SIGNATURE = 1;
const ISSUER = 2;
const SUBJECT = 4;
const PUBLIC_KEY = 5;

const CONVERT = 'convert it with "openssl pkcs12 -in old.pfx -out new.pem -nodes" and give the PEM text';

/**
 * Reads the one private key, its certificate and the certificate's chain from PKCS#12.
 *
 * @param bytes The content of a `.pfx` or `.p12` file.
 * @param password The password of the file, `""` if it has none.
 * @returns A configuration for `ClientCertificateCredential`: PEM text, the private key in it not encrypted any more.
 * @throws {TypeError} An argument is of another type.
 * @throws {CredentialUnavailableError} The package `node-forge` is not installed.
 * @throws {AuthenticationError} The password is wrong, or the file is not usable.
 */
export async function fromPkcs12(bytes: Uint8Array, password: string): Promise<{ certificate: string }> {
  if (!ArrayBuffer.isView(bytes)) throw new TypeError('Argument "bytes" must be a Uint8Array');
  if (typeof password !== "string") throw new TypeError('Argument "password" must be a string, "" if there is none');
  const forge = await loadForge();
  const bags = readBags(forge, bytes, password);
  const key = findKey(bags);
  const chain = findChain(forge, bags, key).map((certificate) => toPem("CERTIFICATE", derOf(forge, certificate)));
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

function readBags(forge: Forge, bytes: Uint8Array, password: string): Bag[] {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  if (text.includes("-----BEGIN")) fail('It is PEM text, which goes to the credential as "certificate"');
  let value: Asn1;
  try {
    value = forge.asn1.fromDer(text);
  } catch {
    fail("It is damaged, or something else");
  }
  try {
    return forge.pkcs12.pkcs12FromAsn1(value, false, password).safeContents.flatMap(({ safeBags }) => safeBags);
  } catch (error) {
    if (/password|decrypt/i.test((error as Error).message)) {
      // It takes letters beyond ASCII for the encryptions of former times only.
      fail(`The password is wrong${/^[ -~]*$/.test(password) ? "" : `, or has letters beyond ASCII: ${CONVERT}`}`);
    }
    // Without a checksum, a wrong password in 256 looks like a right one at first.
    fail(`The password is wrong, or it is damaged or encrypted in a way that "node-forge" does not know: ${CONVERT}`);
  }
}

function findKey(bags: readonly Bag[]): PrivateKey {
  const keys = bags.filter(({ key }) => key !== undefined);
  if (keys.length === 0) fail("It holds no private key: export it with the certificate");
  if (keys.length > 1) fail("It holds several private keys: export one with its certificate");
  return keys[0]!.key ?? fail("The private key is not an RSA key, which Entra needs");
}

/** Returns the key's certificate, then its issuer's, and so on. */
function findChain(forge: Forge, bags: readonly Bag[], key: PrivateKey): Asn1[] {
  // By their bytes: some tools export a certificate twice.
  const byBytes = new Map<string, Asn1>();
  for (const bag of bags) {
    if (bag.cert === undefined) continue;
    const certificate = certificateOf(forge, bag);
    byBytes.set(derOf(forge, certificate), certificate);
  }
  const certificates = [...byBytes.values()];
  if (certificates.length === 0) fail("It holds no certificate: export it with the private key");
  const publicKey = derOf(forge, forge.pki.publicKeyToAsn1(forge.pki.setRsaPublicKey(key.n, key.e)));
  const own = certificates.filter((certificate) => partOf(certificate, PUBLIC_KEY) === publicKey);
  if (own.length === 0) fail("None of its certificates belongs to the private key");
  if (own.length > 1) fail("It holds several certificates for one private key: export one of them with the key");
  const chain: Asn1[] = [];
  for (let next: Asn1 | undefined = own[0]; next; next = certificates.find(isNext)) chain.push(next);
  return chain;

  function isNext(certificate: Asn1): boolean {
    return !chain.includes(certificate) && partOf(certificate, SUBJECT) === partOf(chain.at(-1)!, ISSUER);
  }

  function partOf(certificate: Asn1, member: number): string {
    return derOf(forge, memberOf(certificate.value[0]!, member));
  }
}

/** Returns the certificate byte for byte, as its digest needs it. */
function certificateOf({ asn1 }: Forge, { cert, asn1: whole }: Bag): Asn1 {
  if (!cert) return whole;
  const { tbsCertificate, signature } = cert;
  const bits = asn1.create(0, BIT_STRING, false, `\0${signature}`);
  return asn1.create(0, SEQUENCE, true, [tbsCertificate, memberOf(tbsCertificate, SIGNATURE), bits]);
}

/** Returns a member of a certificate's signed part, which may begin with a version. */
function memberOf({ value }: Asn1, member: number): Asn1 {
  return value[value[0]!.tagClass === CONTEXT_SPECIFIC ? member + 1 : member]!;
}

function derOf({ asn1 }: Forge, value: Asn1): string {
  return asn1.toDer(value).getBytes();
}

function toPem(label: string, bytes: string): string {
  return `-----BEGIN ${label}-----\n${btoa(bytes).replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;
}

function fail(reason: string): never {
  throw new AuthenticationError(`Cannot read PKCS#12: ${reason}`);
}
