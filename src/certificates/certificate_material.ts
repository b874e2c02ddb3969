import { AuthenticationError } from "../errors.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import type { CertificateParts } from "./certificate_configuration.ts";
import { readPem } from "./pem.ts";
import { readPrivateKey } from "./private_key.ts";

/** The certificate and the keys of a client assertion. */
export interface Material {
  /** Absent, like the public key, if only the thumbprint is known. */
  readonly certificate?: Certificate;
  readonly publicKey?: CryptoKey;
  /** Absent if a callback signs. */
  readonly privateKey?: CryptoKey | undefined;
}

/**
 * Reads the certificate, and the private key if the PEM text contains it. Throws an `AuthenticationError` if one is
 * unusable.
 */
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
