/**
 * A certificate authority for one run, so that TLS between the processes of a test is real and verified.
 *
 * @module
 */
import "reflect-metadata"; // Must be imported before @peculiar/x509, which needs it.
import * as x509 from "@peculiar/x509";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A certificate and its key, both in PEM. The key is unencrypted PKCS#8. */
export interface Leaf {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority that the clients of a test trust. Its key is only in memory. */
export interface CertificateAuthority {
  /** The authority's certificate, in PEM. */
  readonly certificate: string;
  /**
   * Issues a server certificate for host names and IP addresses. It is valid for a day from the given time, in
   * milliseconds since the epoch; by default from yesterday until tomorrow.
   */
  issue(names: readonly string[], validFrom?: number): Promise<Leaf>;
}

/** The paths of the files of {@linkcode writeCertificates}. */
export interface CertificatePaths {
  /** The authority's certificate, which clients must trust. */
  readonly authorityPath: string;
  readonly certificatePath: string;
  readonly keyPath: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const ONE_DAY = 86_400_000;

/** Creates an authority that is valid for a day. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const always = {
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - ONE_DAY),
    notAfter: new Date(Date.now() + ONE_DAY),
  };
  const keys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...always,
    name: "CN=Throw-away test authority",
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(names: readonly string[], validFrom?: number): Promise<Leaf> {
    const leafKeys = await generateKeys();
    const leaf = await x509.X509CertificateGenerator.create({
      ...always,
      ...validFrom !== undefined && { notBefore: new Date(validFrom), notAfter: new Date(validFrom + ONE_DAY) },
      subject: `CN=${names[0]}`,
      issuer: authority.subject,
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(names.map(alternativeName)),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
      ],
    });
    const key = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", leafKeys.privateKey), "PRIVATE KEY");
    return { certificate: leaf.toString("pem"), key };
  }

  return { certificate: authority.toString("pem"), issue };
}

/** Creates an authority and a server certificate for the names, and writes them to PEM files in the folder. */
export async function writeCertificates(folder: string, names: readonly string[]): Promise<CertificatePaths> {
  const authority = await createCertificateAuthority();
  const { certificate, key } = await authority.issue(names);
  const paths = {
    authorityPath: join(folder, "ca.pem"),
    certificatePath: join(folder, "leaf.pem"),
    keyPath: join(folder, "leaf.key"),
  };
  await writeFile(paths.authorityPath, authority.certificate);
  await writeFile(paths.certificatePath, certificate);
  await writeFile(paths.keyPath, key, { mode: 0o600 });
  return paths;
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function alternativeName(value: string): x509.JsonGeneralName {
  return { type: value.includes(":") || /^[\d.]+$/.test(value) ? "ip" : "dns", value };
}
