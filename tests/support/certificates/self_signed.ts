import "reflect-metadata"; // Must be imported before @peculiar/x509, which needs it.
import * as x509 from "@peculiar/x509";
import type { Leaf } from "./certificate_authority.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const ONE_DAY = 86_400_000;

/** A self-signed certificate, and its SHA-1 digest in 40 hexadecimal digits. */
export interface SelfSigned extends Leaf {
  readonly thumbprint: string;
}

/** Creates a self-signed certificate that is valid for a day. */
export async function createSelfSigned(): Promise<SelfSigned> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Throw-away node",
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - ONE_DAY),
    notAfter: new Date(Date.now() + ONE_DAY),
    keys,
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", certificate.rawData));
  return {
    certificate: certificate.toString("pem"),
    key: x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
    thumbprint: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}
