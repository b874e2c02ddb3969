import { AuthenticationError } from "../errors.ts";
import { type Bytes, decodeBase64 } from "../core/decoding.ts";

/** A block between `-----BEGIN label-----` and `-----END label-----`. */
export interface PemBlock {
  /** The label, such as `"CERTIFICATE"`. */
  readonly label: string;
  /** The base64 text, with line breaks and the headers of traditional encrypted keys. */
  readonly body: string;
}

const BEGIN = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g;

/** Maximum length, about a hundred times the length of a long chain. */
const MAX_CHARACTERS = 1_000_000;

const CONVERT_PKCS12 = 'convert a PKCS#12 file with "openssl pkcs12 -in old.pfx -out new.pem -nodes", ' +
  'or read it with "fromPkcs12" of "@azweb/identity/pkcs12"';

/** Finds the certificates and private keys in PEM text (RFC 7468). Skips other text. */
export function readPem(pem: string): PemBlock[] {
  if (pem.length > MAX_CHARACTERS) throw new AuthenticationError("It is longer than a million characters");
  // Environment variables often have escaped line breaks.
  const text = pem.replaceAll(/\\r|\\n/g, "\n");
  if (text.trim() === "") throw new AuthenticationError("It is empty");
  const blocks: PemBlock[] = [];
  for (const { 0: line, 1: label = "", index } of text.matchAll(BEGIN)) {
    if (!/CERTIFICATE$|PRIVATE KEY$/.test(label)) continue;
    const start = index + line.length;
    const end = text.indexOf("-----", start);
    if (end < 0 || !text.startsWith(`-----END ${label}-----`, end)) {
      throw new AuthenticationError(`It is truncated: "-----END ${label}-----" is missing`);
    }
    blocks.push({ label, body: text.slice(start, end) });
  }
  if (blocks.length > 0) return blocks;
  throw new AuthenticationError(
    `It is not PEM text, which has a line "-----BEGIN CERTIFICATE-----"; ${CONVERT_PKCS12}`,
  );
}

/** Decodes the bytes of a block. */
export function decodePem({ label, body }: PemBlock): Bytes {
  const bytes = decodeBase64(body);
  if (bytes?.length) return bytes;
  throw new AuthenticationError(`The text under "-----BEGIN ${label}-----" is not base64`);
}
