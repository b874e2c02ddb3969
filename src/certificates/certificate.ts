import { digest, encodeBase64, encodeBase64Url } from "../core/encoding.ts";
import { AuthenticationError } from "../errors.ts";
import type { Bytes } from "../core/decoding.ts";
import { contentOf, type Der, membersOf, oidOf, readOrComplain, readSequence, TAG } from "./der.ts";
import { decodePem, type PemBlock } from "./pem.ts";

/** The certificate that belongs to the private key, and what came with it. */
export interface Certificate {
  /** All certificates in the order of the text, in base64, as the header `x5c` takes them. */
  readonly chain: readonly string[];
  /** The SHA-1 digest, as the header `x5t` takes it. */
  readonly sha1: string;
  /** The SHA-256 digest, as the header `x5t#S256` takes it. */
  readonly sha256: string;
  /** From when on it is valid, in milliseconds since the epoch. */
  readonly notBefore: number;
  /** Until when it is valid, in milliseconds since the epoch. */
  readonly notAfter: number;
  /** The public key, as a `SubjectPublicKeyInfo`. */
  readonly publicKey: Bytes;
}

/** The object identifier of RSA keys (RFC 8017, appendix A). */
export const RSA = "1.2.840.113549.1.1.1";

/** What to do where a key is of another kind. */
export const MAKE_RSA: string =
  'Entra takes RSA only; make a new key and certificate with "openssl req -x509 -newkey rsa:2048 ' +
  '-nodes -days 365 -subj /CN=app -keyout key.pem -out certificate.pem"';

/** Reads the first certificate, and takes along the others. */
export async function readCertificate(blocks: readonly PemBlock[]): Promise<Certificate> {
  const certificates = blocks.filter(({ label }) => label === "CERTIFICATE").map(decodePem);
  const [first] = certificates;
  if (!first) throw new AuthenticationError('It holds no certificate: "-----BEGIN CERTIFICATE-----" is missing');
  return {
    ...readOrComplain(() => readFields(first), "The certificate is damaged"),
    chain: certificates.map(encodeBase64),
    sha1: encodeBase64Url(await digest(first, "SHA-1")),
    sha256: encodeBase64Url(await digest(first)),
  };
}

/** Reads what is needed of a certificate (RFC 5280, section 4.1). */
function readFields(certificate: Bytes): Pick<Certificate, "notBefore" | "notAfter" | "publicKey"> {
  const [toBeSigned] = readSequence(certificate);
  const members = membersOf(toBeSigned);
  if (members[0]?.tag === TAG.VERSION) members.shift();
  const [_serialNumber, _signature, _issuer, validity, _subject, publicKey] = members;
  const [notBefore, notAfter] = membersOf(validity);
  const [algorithm] = membersOf(publicKey);
  const kind = oidOf(membersOf(algorithm)[0]);
  if (kind !== RSA) {
    throw new AuthenticationError(`The certificate is for a key of another kind ("${kind}"): ${MAKE_RSA}`);
  }
  return { notBefore: timeOf(notBefore), notAfter: timeOf(notAfter), publicKey: publicKey!.encoded };
}

/** Reads `UTCTime`, which has two digits for the years 1950 to 2049, or `GeneralizedTime`. */
function timeOf(value: Der | undefined): number {
  const short = value?.tag === TAG.UTC_TIME;
  const text = new TextDecoder().decode(contentOf(value, short ? TAG.UTC_TIME : TAG.GENERALIZED_TIME));
  const digits = short ? (text < "5" ? "20" : "19") + text : text;
  const [, date, ...time] = /^(\d{8})(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
  const timestamp = Date.parse(`${date?.replace(/(..)(..)$/, "-$1-$2")}T${time.join(":")}Z`);
  if (Number.isNaN(timestamp)) throw new SyntaxError("Malformed time");
  return timestamp;
}
