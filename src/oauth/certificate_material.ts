import { AuthenticationError } from "../errors.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import type { CertificateParts } from "./certificate_configuration.ts";
import { readPem } from "./pem.ts";
import { readPrivateKey } from "./private_key.ts";

/** What assertions are made with. */
export interface Material {
  /** Absent where only its thumbprint is known, as is the public key. */
  readonly certificate?: Certificate;
  readonly publicKey?: CryptoKey;
  /** Absent where somebody else signs. */
  readonly privateKey?: CryptoKey | undefined;
}

/** Reads the certificate, and the private key unless it is elsewhere. Throws an `AuthenticationError` where one is not usable. */
export async function readMaterial(
  text: string,
  algorithm: RsaHashedImportParams,
  parts: CertificateParts,
): Promise<Material> {
  const blocks = readPem(text);
  const certificate = await readCertificate(blocks);
  const publicKey = await crypto.subtle.importKey("spki", certificate.publicKey, algorithm, false, ["verify"])
    .catch(() => undefined);
  if (!publicKey) throw new AuthenticationError("The certificate is damaged");
  const privateKey = parts.privateKey ??
    (parts.sign ? undefined : await readPrivateKey(blocks, parts.certificatePassword, algorithm));
  return { certificate, publicKey, privateKey };
}
