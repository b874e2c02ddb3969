import type { FileReaders } from "../runtime/files.ts";
import type { NamedFile } from "../entra/named_file.ts";

/** A certificate and its private key in a file. The file is read for each token request, so that it can be replaced. */
export interface ClientCertificatePEMCertificatePath {
  /** Path of a PEM file with both. */
  readonly certificatePath: string;
  /** Password of the private key, if it is encrypted. */
  readonly certificatePassword?: string | undefined;
}

/** A certificate and its private key in a string. */
export interface ClientCertificatePEMCertificate {
  /** Both as PEM text. If there are several certificates, that of the private key must be the first. */
  readonly certificate: string;
  /** Password of the private key, if it is encrypted. */
  readonly certificatePassword?: string | undefined;
}

/** The source of the PEM text, in the forms of `@azure/identity`. */
export type ClientCertificateCredentialPEMConfiguration =
  | ClientCertificatePEMCertificatePath
  | ClientCertificatePEMCertificate;

/** A certificate without its private key. */
export type PublicCertificate = {
  /** The certificate as PEM text, followed by its chain if `sendCertificateChain` is set. */
  readonly certificate: string;
} | {
  /**
   * The digest of the certificate in hexadecimal digits, optionally separated by colons: 64 digits of SHA-256 for
   * PS256, or 40 digits of SHA-1 for RS256. The validity of the certificate and its match with the key are then not
   * checked before the request.
   */
  readonly thumbprint: string;
};

/** A private key of Web Crypto, extractable or not, and its certificate. */
export type ClientCertificateKey = PublicCertificate & {
  // A `CryptoKey`, which Node's types declare only in a module, not as a global.
  /**
   * The private key. Its algorithm, with `SHA-256`, determines that of the assertion: `RSA-PSS` for PS256,
   * `RSASSA-PKCS1-v1_5` for RS256. AD FS supports RS256 only.
   */
  readonly privateKey: Awaited<ReturnType<typeof crypto.subtle.importKey>>;
};

/**
 * A callback that signs with a remote private key, such as in Azure Key Vault, a cloud's key service or a smart card,
 * and the certificate.
 */
export type ClientCertificateSigner = PublicCertificate & {
  /**
   * Returns the RSA signature of the data by an algorithm of RFC 7518: `"PS256"` (PSS, SHA-256, 32 bytes of salt), or
   * `"RS256"` (PKCS #1 v1.5, SHA-256) for AD FS or a SHA-1 `thumbprint`. The callback must hash the data.
   */
  readonly sign: (data: Uint8Array, algorithm: "PS256" | "RS256") => Promise<Uint8Array>;
};

/** The certificate of an app, and its private key or a callback that signs. A string is a `certificatePath`. */
export type CertificateConfiguration =
  | string
  | ClientCertificateCredentialPEMConfiguration
  | ClientCertificateKey
  | ClientCertificateSigner;

/** A configuration of any form: the members of all forms, each of them optional. */
export interface CertificateParts {
  readonly certificatePath?: string;
  /** Name of the environment variable that the path comes from, for messages. */
  readonly variable?: string;
  readonly certificate?: string;
  readonly certificatePassword?: string | undefined;
  readonly thumbprint?: string;
  readonly privateKey?: CryptoKey;
  readonly sign?: ClientCertificateSigner["sign"];
}

/** Returns the configuration as an object. */
export function partsOf(configuration: CertificateConfiguration): CertificateParts {
  return typeof configuration === "string" ? { certificatePath: configuration } : configuration;
}

/** Throws a `TypeError` unless the configuration has one of the forms. Reads no file. */
export function checkCertificateConfiguration(configuration: CertificateConfiguration): void {
  if (typeof configuration !== "string" && (typeof configuration !== "object" || configuration === null)) {
    fail("must be the path of a PEM file or an object");
  }
  const parts = partsOf(configuration);
  if ([configuration, parts.certificate, parts.certificatePath].some(isBytes)) {
    fail(
      'must be a string, not bytes: decode a PEM file with "new TextDecoder().decode(bytes)", ' +
        'read a PKCS#12 file with "fromPkcs12" of "@azweb/identity/pkcs12"',
    );
  }
  const { certificatePath, certificate, certificatePassword, thumbprint, privateKey, sign } = parts;
  for (const name of ["certificatePath", "certificate", "certificatePassword", "thumbprint"] as const) {
    const value: unknown = parts[name];
    if (value !== undefined && (typeof value !== "string" || value.trim() === "")) {
      fail(`must have a non-empty string as "${name}"`);
    }
  }
  if (count(certificatePath, certificate, thumbprint) !== 1) {
    fail('must have exactly one of "certificatePath", "certificate" and "thumbprint"');
  }
  if (certificatePath !== undefined && /-----BEGIN|[\r\n]/.test(certificatePath)) {
    fail('must have a path as "certificatePath"; pass PEM text as "certificate"');
  }
  if (privateKey === undefined && sign === undefined) {
    if (thumbprint !== undefined) fail('must have "privateKey" or "sign" beside "thumbprint"');
    return;
  }
  if (count(privateKey, sign, certificatePath, certificatePassword) !== 1) {
    fail('must have only one of "privateKey" and "sign", without "certificatePath" and "certificatePassword"');
  }
  if (certificate?.includes("PRIVATE KEY-----")) {
    fail('must not have a private key in "certificate" beside "privateKey" or "sign"');
  }
  if (sign !== undefined && typeof sign !== "function") fail('must have a function as "sign"');
  if (privateKey !== undefined && !algorithmOfKey(privateKey)) {
    fail(
      'must have a private CryptoKey for "RSA-PSS" or "RSASSA-PKCS1-v1_5" with "SHA-256" and the usage "sign" as "privateKey"',
    );
  }
  if (thumbprint === undefined) return;
  const implied = algorithmOfThumbprint(thumbprint);
  if (!implied) fail('must have 64 (SHA-256) or 40 (SHA-1) hexadecimal digits as "thumbprint"');
  if (privateKey && algorithmOfKey(privateKey) !== implied) {
    fail(
      'must have a SHA-256 "thumbprint" beside a key for "RSA-PSS", a SHA-1 one beside a key for "RSASSA-PKCS1-v1_5"',
    );
  }
}

/** Returns the algorithm of a private key; `undefined` if it cannot sign assertions. */
export function algorithmOfKey(key: CryptoKey): "PS256" | "RS256" | undefined {
  const { name, hash } = (key?.algorithm ?? {}) as Partial<RsaHashedKeyAlgorithm>;
  if (key?.type !== "private" || !key.usages?.includes("sign") || hash?.name !== "SHA-256") return undefined;
  return name === "RSA-PSS" ? "PS256" : name === "RSASSA-PKCS1-v1_5" ? "RS256" : undefined;
}

/** Returns the algorithm for a thumbprint; `undefined` if it is malformed. */
export function algorithmOfThumbprint(thumbprint: string): "PS256" | "RS256" | undefined {
  const digits = thumbprint.replaceAll(":", "");
  if (/[^0-9a-f]/i.test(digits)) return undefined;
  return digits.length === 64 ? "PS256" : digits.length === 40 ? "RS256" : undefined;
}

/**
 * Returns the values that partition the cache by certificate: the PEM text with the private key, or the certificate and
 * the key or callback that signs. In both cases also whether the chain is sent, because a request can fail without it.
 * Throws an `AuthenticationError` if a file cannot be read.
 */
export async function certificateCacheIdentity(
  configuration: CertificateConfiguration,
  { sendCertificateChain, ...files }: FileReaders & { readonly sendCertificateChain: boolean },
): Promise<(string | object)[]> {
  const parts = partsOf(configuration);
  const signer = parts.privateKey ?? parts.sign;
  const text = parts.thumbprint ?? await readCertificateText(parts, files);
  // Neither the password nor its digest: a shared cache would allow an offline guessing attack.
  const secret = signer ?? (parts.certificatePassword === undefined ? "" : parts);
  return [secret, text, String(sendCertificateChain)];
}

/** Returns the PEM text. Throws an `AuthenticationError` if the file cannot be read. */
export async function readCertificateText(
  parts: CertificateParts,
  { readTextFile, readFile }: FileReaders,
): Promise<string> {
  if (parts.certificate !== undefined) return parts.certificate;
  const { readNamedFile } = await import("../entra/named_file.ts");
  const file = certificateFile(parts);
  const text = await readNamedFile(file, readTextFile);
  // A PKCS#12 file is a sequence in DER, whose first byte is 0x30, the character "0".
  if (!readFile || !text.startsWith("0") || text.includes("-----BEGIN")) return text;
  const { readPkcs12File } = await import("./pkcs12_file.ts");
  return await readPkcs12File(file, parts.certificatePassword, readFile);
}

/** Returns the file that holds the certificate. */
export function certificateFile({ certificatePath, variable }: CertificateParts): NamedFile {
  return {
    path: certificatePath!,
    label: `the certificate of ${variable ?? '"certificatePath"'}`,
    nextStep: "Check the path, and that this program may read the file",
    substitute: 'the PEM text as "certificate", or "runtime.readTextFile"',
  };
}

/** Whether the value is a buffer or a view, also of another realm. */
function isBytes(value: unknown): boolean {
  return (value as Partial<ArrayBufferLike> | null | undefined)?.byteLength !== undefined;
}

function count(...values: unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

function fail(requirement: string): never {
  throw new TypeError(`Argument "configuration" ${requirement}`);
}
