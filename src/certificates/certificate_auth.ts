import { type ClientAuth, modifyAssertion, PrivateKeyJwt } from "oauth4webapi";
import { encodeBase64Url } from "../core/encoding.ts";
import { reasonOf } from "../core/reason.ts";
import { AuthenticationError } from "../errors.ts";
import type { FileReaders } from "../runtime/files.ts";
import { isAdfs } from "../entra/authority.ts";
import type { Certificate } from "./certificate.ts";
import { setAssertion } from "../entra/client_auth.ts";
import {
  algorithmOfKey,
  algorithmOfThumbprint,
  type CertificateConfiguration,
  type CertificateParts,
  type ClientCertificateSigner,
  partsOf,
  readCertificateText,
} from "./certificate_configuration.ts";
import type { Material } from "./certificate_material.ts";
import { type Bytes, decodeBase64Url, decodeHex } from "../core/decoding.ts";

const LIFETIME_IN_S = 600;

/** The Web Crypto parameters of the algorithms of RFC 7518, section 3. */
const ALGORITHMS = {
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

type Algorithm = keyof typeof ALGORITHMS;

/**
 * Returns the client authentication by a JWT that the certificate's private key signs. Each request gets a new JWT.
 *
 * PS256 is used with the header `x5t#S256`, and RS256 with `x5t`, as Microsoft Entra documents them. AD FS supports
 * RS256 only.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
export function createCertificateAuth(
  configuration: CertificateConfiguration,
  context: FileReaders & {
    readonly sendCertificateChain: boolean;
    readonly now: () => number;
  },
): ClientAuth {
  const parts = partsOf(configuration);
  if (context.sendCertificateChain && parts.thumbprint !== undefined) {
    throw new TypeError('Option "sendCertificateChain" requires "certificate" in place of "thumbprint"');
  }
  let cached: { text: string; algorithm: Algorithm; material: Material } | undefined;

  async function load(algorithm: Algorithm): Promise<Material> {
    if (parts.thumbprint !== undefined) return { privateKey: parts.privateKey };
    const text = await readCertificateText(parts, context);
    if (cached?.text !== text || cached.algorithm !== algorithm) {
      // Loaded on demand, because few programs use a certificate, and the PEM parser is large.
      const { readMaterial } = await import("./certificate_material.ts");
      cached = { text, algorithm, material: await readMaterial(text, ALGORITHMS[algorithm], parts) };
    }
    return cached.material;
  }

  const authenticate: ClientAuth = async (server, client, body, headers) => {
    const algorithm = chooseAlgorithm(parts, isAdfs(server));
    const { certificate, privateKey, publicKey } = await load(algorithm);
    if (certificate) checkValidity(certificate, context.now());
    const now = Math.floor(context.now() / 1000);
    const header = {
      alg: algorithm,
      typ: "JWT",
      ...algorithm === "PS256"
        ? { "x5t#S256": certificate?.sha256 ?? encodeBase64Url(decodeHex(parts.thumbprint!)) }
        : { x5t: certificate?.sha1 ?? encodeBase64Url(decodeHex(parts.thumbprint!)) },
      ...context.sendCertificateChain && { x5c: certificate?.chain },
    };
    const jti = crypto.randomUUID();
    const claims = { aud: server.token_endpoint!, jti, iat: now, nbf: now, exp: now + LIFETIME_IN_S };
    if (parts.sign) {
      const { client_id } = client;
      const all = { ...claims, iss: client_id, sub: client_id };
      setAssertion(body, client_id, await createCallbackSignedJwt(header, all, publicKey, parts.sign));
    } else {
      // With Node's types, the `CryptoKey` of oauth4webapi is not the global type.
      const key = privateKey as unknown as Parameters<typeof PrivateKeyJwt>[0];
      const keyAuth = PrivateKeyJwt(key, {
        // Replaces the defaults of oauth4webapi: the issuer as audience, and a lifetime of 60 seconds.
        [modifyAssertion](defaultHeader, defaultClaims) {
          Object.assign(defaultHeader, header);
          Object.assign(defaultClaims, claims);
        },
      });
      try {
        await keyAuth(server, client, body, headers);
      } catch {
        throw new AuthenticationError(`The private key is damaged, or too short to sign ${algorithm}`);
      }
    }
    // Verified here, because the error of Microsoft Entra for a wrong signature does not name the cause.
    if (!publicKey || await isSignedBy(publicKey, body.get("client_assertion")!, algorithm)) return;
    throw new AuthenticationError(
      "The private key does not belong to the certificate, which must be the first one in the PEM text" +
        (parts.sign ? `; or "sign" does not sign ${algorithm}` : ""),
    );
  };

  return async (...call) => {
    try {
      await authenticate(...call);
    } catch (error) {
      if ((error as Error).name !== "AuthenticationError") throw error;
      const file = parts.certificatePath === undefined ? "" : ` in "${parts.certificatePath}"`;
      const { message, cause } = error as AuthenticationError;
      throw new AuthenticationError(`Cannot use the certificate${file}: ${message}`, { cause });
    }
  };
}

function chooseAlgorithm({ privateKey, thumbprint }: CertificateParts, adfs: boolean): Algorithm {
  const algorithm = privateKey
    ? algorithmOfKey(privateKey)!
    : thumbprint !== undefined
    ? algorithmOfThumbprint(thumbprint)!
    : adfs
    ? "RS256"
    : "PS256";
  if (!adfs || algorithm === "RS256") return algorithm;
  const needed = privateKey ? 'a "privateKey" for "RSASSA-PKCS1-v1_5"' : 'the SHA-1 digest as "thumbprint"';
  throw new AuthenticationError(`AD FS does not support PS256: Use ${needed}`);
}

function checkValidity({ notBefore, notAfter }: Certificate, now: number): void {
  if (now < notBefore) {
    throw new AuthenticationError(`It is not valid before "${new Date(notBefore).toISOString()}": Check the clock`);
  }
  if (now > notAfter) {
    throw new AuthenticationError(
      `It expired on "${new Date(notAfter).toISOString()}": Create a new one and upload it to the app registration`,
    );
  }
}

async function isSignedBy(publicKey: CryptoKey, jwt: string, algorithm: Algorithm): Promise<boolean> {
  const end = jwt.lastIndexOf(".");
  const signature = decodeBase64Url(jwt.slice(end + 1))!;
  const data = new TextEncoder().encode(jwt.slice(0, end));
  return await crypto.subtle.verify(ALGORITHMS[algorithm], publicKey, signature, data).catch(() => false);
}

/** Returns a JWT that a callback signs, because oauth4webapi signs with a `CryptoKey` only (RFC 7515, section 7.1). */
async function createCallbackSignedJwt(
  header: { readonly alg: Algorithm },
  claims: object,
  publicKey: CryptoKey | undefined,
  sign: ClientCertificateSigner["sign"],
): Promise<string> {
  const input = [header, claims].map((part) => encodeBase64Url(JSON.stringify(part))).join(".");
  const signature = await signByCallback(sign, new TextEncoder().encode(input), header.alg, publicKey);
  return `${input}.${encodeBase64Url(signature)}`;
}

async function signByCallback(
  callback: ClientCertificateSigner["sign"],
  data: Bytes,
  algorithm: Algorithm,
  publicKey: CryptoKey | undefined,
): Promise<Bytes> {
  let signature: unknown;
  try {
    signature = await callback(data, algorithm);
  } catch (cause) {
    throw new AuthenticationError(`The callback "sign" failed: ${reasonOf(cause)}`, { cause });
  }
  // `instanceof` fails for a typed array of another realm.
  const bytes = ArrayBuffer.isView(signature)
    ? Uint8Array.from(new Uint8Array(signature.buffer, signature.byteOffset, signature.byteLength))
    : undefined;
  // The signature is as long as the key, which must have at least 2,048 bits. Keys of more than 16,384 bits are not in
  // use.
  const exact = publicKey && Math.ceil((publicKey.algorithm as RsaHashedKeyAlgorithm).modulusLength / 8);
  const [min, max] = exact ? [exact, exact] : [256, 2048];
  if (bytes && bytes.length >= min && bytes.length <= max) return bytes;
  throw new AuthenticationError(
    `The callback "sign" must return a Uint8Array with the ${exact ?? `${min} to ${max}`} bytes of the signature, ` +
      `and returned ${bytes ? `${bytes.length} bytes` : "another type"}`,
  );
}
