import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import { createPrivateKey } from "node:crypto";

/** What a registered app proves itself with, as PEM text. */
export interface AppCertificate {
  readonly certificate: string;
  /** The certificate of who signed it. */
  readonly issuer: string;
  /** PKCS#8. */
  readonly privateKey: string;
  /** PKCS#8 encrypted with `PASSWORD`. */
  readonly encryptedKey: string;
}

export const PASSWORD = "a password for tests";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** Makes an app's certificate, valid for an hour, signed by an authority that nobody knows. */
export async function createAppCertificate(): Promise<AppCertificate> {
  const [authority, app] = await Promise.all([generateKeys(), generateKeys()]);
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const issuer = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=Test authority",
    keys: authority,
  });
  const certificate = await X509CertificateGenerator.create({
    ...validity,
    subject: "CN=Test app",
    issuer: issuer.subject,
    publicKey: app.publicKey,
    signingKey: authority.privateKey,
  });
  const key = createPrivateKey({
    key: new Uint8Array(await crypto.subtle.exportKey("pkcs8", app.privateKey)) as never,
    format: "der",
    type: "pkcs8",
  });
  return {
    certificate: `${certificate.toString("pem")}\n`,
    issuer: `${issuer.toString("pem")}\n`,
    privateKey: String(key.export({ type: "pkcs8", format: "pem" })),
    encryptedKey: String(
      key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PASSWORD }),
    ),
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(RSA, true, ["sign", "verify"]);
}
