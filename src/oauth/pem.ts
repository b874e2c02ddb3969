import { AuthenticationError } from "../errors.ts";
import { type Bytes, decodeBase64 } from "./base64.ts";

/** What stands between `-----BEGIN label-----` and `-----END label-----`. */
export interface PemBlock {
  /** What it is, such as `"CERTIFICATE"`. */
  readonly label: string;
  /** The base64 text, with its line breaks and with the headers of the old format of encrypted keys. */
  readonly body: string;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----)[^])*)(-----END \1-----)?/g;

/** What `openssl` can make PEM of. */
const CONVERT_PKCS12 = 'convert a PKCS#12 file with "openssl pkcs12 -in old.pfx -out new.pem -nodes", ' +
  'or read it with "fromPkcs12" of "@azweb/identity/pkcs12"';

/** Finds the certificates and private keys in PEM text (RFC 7468); text around them is passed over. */
export function readPem(text: string): PemBlock[] {
  if (text.trim() === "") throw new AuthenticationError("It is empty");
  const blocks: PemBlock[] = [];
  for (const [, label, body, end] of text.matchAll(BLOCK)) {
    if (!/CERTIFICATE$|PRIVATE KEY$/.test(label!)) continue;
    if (!end) throw new AuthenticationError(`It is cut off: "-----END ${label}-----" is missing`);
    blocks.push({ label: label!, body: body! });
  }
  if (blocks.length > 0) return blocks;
  throw new AuthenticationError(
    `It is not PEM text, which has a line "-----BEGIN CERTIFICATE-----"; ${CONVERT_PKCS12}`,
  );
}

/** Returns the bytes of a block. */
export function decodePem({ label, body }: PemBlock): Bytes {
  const bytes = decodeBase64(body);
  if (bytes?.length) return bytes;
  throw new AuthenticationError(`The text under "-----BEGIN ${label}-----" is not base64`);
}
