import { digest, encodeBase64, encodeBase64Url } from "../core/encoding.ts";
import { AuthenticationError } from "../errors.ts";
import type { Bytes } from "../core/decoding.ts";
import { contentOf, type Der, membersOf, oidOf, readDerOrThrow, readSequence, TAG } from "./der.ts";
import { decodePem, type PemBlock } from "./pem.ts";

/** The certificate of the private key, with its chain. */
export interface Certificate {
  /** All certificates in their order in the PEM text, in base64, for the header `x5c`. */
  readonly chain: readonly string[];
  /** SHA-1 digest in base64url, for the header `x5t`. */
  readonly sha1: string;
  /** SHA-256 digest in base64url, for the header `x5t#S256`. */
  readonly sha256: string;
  /** Start of the validity period, in milliseconds since the epoch. */
  readonly notBefore: number;
  /** End of the validity period, in milliseconds since the epoch. */
  readonly notAfter: number;
  /** The public key, as a `SubjectPublicKeyInfo`. */
  readonly publicKey: Bytes;
}

/** The object identifier of RSA keys (RFC 8017, appendix A). */
export const RSA = "1.2.840.113549.1.1.1";

/** Next step for a key that is not an RSA key. */
export const CREATE_RSA_KEY: string =
  'Microsoft Entra supports RSA keys only; create a new key and certificate with "openssl req -x509 -newkey rsa:2048 ' +
  '-nodes -days 365 -subj /CN=app -keyout key.pem -out certificate.pem"';

/** Reads the first certificate, which belongs to the private key; the other certificates are its chain. */
export async function readCertificate(blocks: readonly PemBlock[]): Promise<Certificate> {
  const certificates = blocks.filter(({ label }) => label === "CERTIFICATE").map(decodePem);
  const [first] = certificates;
  if (!first) throw new AuthenticationError('It contains no certificate: "-----BEGIN CERTIFICATE-----" is missing');
  return {
    ...readDerOrThrow(() => readFields(first), "The certificate is damaged"),
    chain: certificates.map(encodeBase64),
    sha1: encodeBase64Url(await digest(first, "SHA-1")),
    sha256: encodeBase64Url(await digest(first)),
  };
}

/** Reads the fields of a certificate that are used (RFC 5280, section 4.1). */
function readFields(certificate: Bytes): Pick<Certificate, "notBefore" | "notAfter" | "publicKey"> {
  const [toBeSigned] = readSequence(certificate);
  const members = membersOf(toBeSigned);
  if (members[0]?.tag === TAG.VERSION) members.shift();
  const [_serialNumber, _signature, _issuer, validity, _subject, publicKey] = members;
  const [notBefore, notAfter] = membersOf(validity);
  const [algorithm] = membersOf(publicKey);
  const algorithmOid = oidOf(membersOf(algorithm)[0]);
  if (algorithmOid !== RSA) {
    throw new AuthenticationError(`The certificate is not for an RSA key ("${algorithmOid}"): ${CREATE_RSA_KEY}`);
  }
  return { notBefore: timeOf(notBefore), notAfter: timeOf(notAfter), publicKey: publicKey!.encoded };
}

/** Reads a `UTCTime`, whose two-digit years are 1950 to 2049, or a `GeneralizedTime`. */
function timeOf(value: Der | undefined): number {
  const short = value?.tag === TAG.UTC_TIME;
  const text = new TextDecoder().decode(contentOf(value, short ? TAG.UTC_TIME : TAG.GENERALIZED_TIME));
  const digits = short ? (text < "5" ? "20" : "19") + text : text;
  const [, date, ...time] = /^(\d{8})(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
  const timestamp = Date.parse(`${date?.replace(/(..)(..)$/, "-$1-$2")}T${time.join(":")}Z`);
  if (Number.isNaN(timestamp)) throw new SyntaxError("Malformed time");
  return timestamp;
}
