import type { Runtime } from "../runtime/runtime.ts";
import type { NamedFile } from "../entra/named_file.ts";

/** A certificate and its private key in a file. It is read for each token request, so that a renewed one is noticed. */
export interface ClientCertificatePEMCertificatePath {
  /** The path of a file with both as PEM text. */
  readonly certificatePath: string;
  /** Decrypts the private key. */
  readonly certificatePassword?: string | undefined;
}

/** A certificate and its private key in a string. */
export interface ClientCertificatePEMCertificate {
  /** Both as PEM text. Where there are several certificates, the private key's comes first. */
  readonly certificate: string;
  /** Decrypts the private key. */
  readonly certificatePassword?: string | undefined;
}

/** Where the PEM text is: the forms that `@azure/identity` knows. */
export type ClientCertificateCredentialPEMConfiguration =
  | ClientCertificatePEMCertificatePath
  | ClientCertificatePEMCertificate;

/** A certificate without its private key. */
export type PublicCertificate = {
  /** The certificate as PEM text, and its chain behind it, if that is to be sent. */
  readonly certificate: string;
} | {
  /**
   * The certificate's digest in hexadecimal digits, with colons or without: 64 digits of SHA-256 to sign PS256, 40 digits of SHA-1 to
   * sign RS256. Nothing can be checked before the request then: not that the certificate is valid, nor that the key belongs to it.
   */
  readonly thumbprint: string;
};

/** A private key of Web Crypto, which need not be extractable, and its certificate. */
export type ClientCertificateKey = PublicCertificate & {
  // A CryptoKey: Node's types have that name for Web Crypto's module alone.
  /**
   * The key. It decides the algorithm: one for `RSA-PSS` signs PS256, one for `RSASSA-PKCS1-v1_5` RS256, both with `SHA-256`. AD FS
   * takes RS256 only.
   */
  readonly privateKey: Awaited<ReturnType<typeof crypto.subtle.importKey>>;
};

/** A private key that is elsewhere, such as in Azure Key Vault, a cloud's key service or a smart card, and its certificate. */
export type ClientCertificateSigner = PublicCertificate & {
  /**
   * Returns the RSA signature of the data by an algorithm of RFC 7518: `"PS256"` (PSS, SHA-256, 32 bytes of salt), or `"RS256"` (PKCS #1
   * v1.5, SHA-256) for AD FS and where `thumbprint` is a SHA-1 digest. The data is not digested yet.
   */
  readonly sign: (data: Uint8Array, algorithm: "PS256" | "RS256") => Promise<Uint8Array>;
};

/** The certificate of an app and what proves that it is the app's: a path as a string is a `certificatePath`. */
export type CertificateConfiguration =
  | string
  | ClientCertificateCredentialPEMConfiguration
  | ClientCertificateKey
  | ClientCertificateSigner;

/** A configuration as the code behind it sees it. */
export interface CertificateParts {
  readonly certificatePath?: string;
  /** The environment variable that the path comes from, for messages. */
  readonly variable?: string;
  readonly certificate?: string;
  readonly certificatePassword?: string | undefined;
  readonly thumbprint?: string;
  readonly privateKey?: CryptoKey;
  readonly sign?: ClientCertificateSigner["sign"];
}

/** Returns the parts of a configuration. */
export function partsOf(configuration: CertificateConfiguration): CertificateParts {
  return typeof configuration === "string" ? { certificatePath: configuration } : configuration;
}

/** Throws a `TypeError` unless the configuration is one of the forms. Reads nothing. */
export function checkCertificateConfiguration(configuration: CertificateConfiguration): void {
  if (typeof configuration !== "string" && (typeof configuration !== "object" || configuration === null)) {
    fail("must be the path of a PEM file or an object");
  }
  const parts = partsOf(configuration);
  if ([configuration, parts.certificate, parts.certificatePath].some(isBytes)) {
    fail(
      'must be text, not bytes: decode a PEM file with "new TextDecoder().decode(bytes)", ' +
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
    fail('must have a path as "certificatePath": give PEM text as "certificate"');
  }
  if (privateKey === undefined && sign === undefined) {
    if (thumbprint !== undefined) fail('must have "privateKey" or "sign" beside "thumbprint"');
    return;
  }
  if (count(privateKey, sign, certificatePath, certificatePassword) !== 1) {
    fail('must have "privateKey" or "sign" with none of "certificatePath", "certificatePassword" and each other');
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

/** Returns the algorithm that a key signs by; `undefined` where it cannot sign assertions. */
export function algorithmOfKey(key: CryptoKey): "PS256" | "RS256" | undefined {
  const { name, hash } = (key?.algorithm ?? {}) as Partial<RsaHashedKeyAlgorithm>;
  if (key?.type !== "private" || !key.usages?.includes("sign") || hash?.name !== "SHA-256") return undefined;
  return name === "RSA-PSS" ? "PS256" : name === "RSASSA-PKCS1-v1_5" ? "RS256" : undefined;
}

/** Returns the algorithm that goes with a thumbprint; `undefined` where it is none. */
export function algorithmOfThumbprint(thumbprint: string): "PS256" | "RS256" | undefined {
  const digits = thumbprint.replaceAll(":", "");
  if (/[^0-9a-f]/i.test(digits)) return undefined;
  return digits.length === 64 ? "PS256" : digits.length === 40 ? "RS256" : undefined;
}

/**
 * Returns what proves that the token is the app's: the text with the private key, or the object that can sign, beside the certificate; and
 * whether its chain is sent, without which a token may be refused.
 * Throws an `AuthenticationError` where a file cannot be read.
 */
export async function certificateProof(
  configuration: CertificateConfiguration,
  { readTextFile, sendCertificateChain }: {
    readonly readTextFile: Runtime["readTextFile"];
    readonly sendCertificateChain: boolean;
  },
): Promise<(string | object)[]> {
  const parts = partsOf(configuration);
  const signer = parts.privateKey ?? parts.sign;
  const text = parts.thumbprint ?? await readCertificateText(parts, readTextFile);
  // Not a password, nor its digest: what people remember can be guessed, and a shared cache would hold the answer.
  const secret = signer ?? (parts.certificatePassword === undefined ? "" : parts);
  return [secret, text, String(sendCertificateChain)];
}

/** Returns the PEM text. Throws an `AuthenticationError` if the file cannot be read. */
export async function readCertificateText(
  parts: CertificateParts,
  readTextFile: Runtime["readTextFile"],
): Promise<string> {
  if (parts.certificate !== undefined) return parts.certificate;
  const { readNamedFile } = await import("../entra/named_file.ts");
  return await readNamedFile(certificateFile(parts), readTextFile);
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

/** Also those of another realm. */
function isBytes(value: unknown): boolean {
  return (value as Partial<ArrayBufferLike> | null | undefined)?.byteLength !== undefined;
}

function count(...values: unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

function fail(complaint: string): never {
  throw new TypeError(`Argument "configuration" ${complaint}`);
}
