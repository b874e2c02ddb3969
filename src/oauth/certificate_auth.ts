import type { ClientAuth } from "oauth4webapi";
import { encodeBase64Url } from "../core/encoding.ts";
import { AuthenticationError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { isAdfs } from "./authority.ts";
import type { Certificate } from "./certificate.ts";
import { setAssertion } from "./client_auth.ts";
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
import { type Bytes, decodeHex } from "./decode.ts";

const LIFETIME_IN_SECONDS = 600;

/** The algorithms of RFC 7518, section 3, as Web Crypto knows them. */
const ALGORITHMS = {
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

type Algorithm = keyof typeof ALGORITHMS;

/**
 * Returns what authenticates an app by a JWT that its certificate's private key signs, a new one each time.
 *
 * PS256 goes with the header `x5t#S256`, RS256 with `x5t`: the pairs that Entra documents, the latter in former times. AD FS knows the
 * latter only.
 *
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
export function createCertificateAuth(
  configuration: CertificateConfiguration,
  context: {
    readonly clientId: string;
    readonly sendCertificateChain: boolean;
    readonly readTextFile: Runtime["readTextFile"] | undefined;
    readonly now: () => number;
  },
): ClientAuth {
  const parts = partsOf(configuration);
  if (context.sendCertificateChain && parts.thumbprint !== undefined) {
    throw new TypeError('Option "sendCertificateChain" needs the "certificate" itself, not its "thumbprint"');
  }
  let last: { text: string; algorithm: Algorithm; material: Material } | undefined;

  async function load(algorithm: Algorithm): Promise<Material> {
    if (parts.thumbprint !== undefined) return { privateKey: parts.privateKey };
    const text = await readCertificateText(parts, context.readTextFile);
    if (last?.text !== text || last.algorithm !== algorithm) {
      // Apart, because few programs have a certificate, and PEM takes much to read.
      const { readMaterial } = await import("./certificate_material.ts");
      last = { text, algorithm, material: await readMaterial(text, ALGORITHMS[algorithm], parts) };
    }
    return last.material;
  }

  async function createAssertion(audience: string, algorithm: Algorithm): Promise<string> {
    const material = await load(algorithm);
    const { certificate } = material;
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
    const claims = {
      aud: audience,
      iss: context.clientId,
      sub: context.clientId,
      jti: crypto.randomUUID(),
      iat: now,
      nbf: now,
      exp: now + LIFETIME_IN_SECONDS,
    };
    const input = `${encodeBase64Url(JSON.stringify(header))}.${encodeBase64Url(JSON.stringify(claims))}`;
    const signature = await sign(new TextEncoder().encode(input), algorithm, material, parts.sign);
    return `${input}.${encodeBase64Url(signature)}`;
  }

  return async (server, _client, body) => {
    let assertion: string;
    try {
      assertion = await createAssertion(server.token_endpoint!, chooseAlgorithm(parts, isAdfs(server)));
    } catch (error) {
      if ((error as Error).name !== "AuthenticationError") throw error;
      const file = parts.certificatePath === undefined ? "" : ` in "${parts.certificatePath}"`;
      const { message, cause } = error as AuthenticationError;
      throw new AuthenticationError(`Cannot use the certificate${file}: ${message}`, { cause });
    }
    setAssertion(body, context.clientId, assertion);
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
  throw new AuthenticationError(`AD FS does not take PS256: give ${needed}`);
}

function checkValidity({ notBefore, notAfter }: Certificate, now: number): void {
  if (now < notBefore) {
    throw new AuthenticationError(`It is not valid before "${new Date(notBefore).toISOString()}": check the clock`);
  }
  if (now > notAfter) {
    throw new AuthenticationError(
      `It ended on "${new Date(notAfter).toISOString()}": make a new one and upload it to the app registration`,
    );
  }
}

/** Signs, and checks the signature where the public key is known: Entra would not say what is wrong with it. */
async function sign(
  data: Bytes,
  algorithm: Algorithm,
  { publicKey, privateKey }: Material,
  callback: CertificateParts["sign"],
): Promise<Bytes> {
  const signature = callback
    ? await signElsewhere(callback, data, algorithm, publicKey)
    : await signHere(privateKey!, data, algorithm);
  const verified = !publicKey ||
    await crypto.subtle.verify(ALGORITHMS[algorithm], publicKey, signature, data).catch(() => false);
  if (!verified) {
    throw new AuthenticationError(
      "The private key does not belong to the certificate, which must be the first in its text" +
        (callback ? `; or "sign" does not sign ${algorithm}` : ""),
    );
  }
  return signature;
}

async function signHere(privateKey: CryptoKey, data: Bytes, algorithm: Algorithm): Promise<Bytes> {
  try {
    return new Uint8Array(await crypto.subtle.sign(ALGORITHMS[algorithm], privateKey, data));
  } catch {
    throw new AuthenticationError(`The private key is damaged, or too short to sign ${algorithm}`);
  }
}

async function signElsewhere(
  callback: ClientCertificateSigner["sign"],
  data: Bytes,
  algorithm: Algorithm,
  publicKey: CryptoKey | undefined,
): Promise<Bytes> {
  let signature: unknown;
  try {
    signature = await callback(data, algorithm);
  } catch (cause) {
    throw new AuthenticationError('The callback "sign" failed', { cause });
  }
  // Not by `instanceof`: the callback may come from another realm.
  const bytes = ArrayBuffer.isView(signature)
    ? Uint8Array.from(new Uint8Array(signature.buffer, signature.byteOffset, signature.byteLength))
    : undefined;
  // As long as the key, which Entra wants to have 2,048 bits at least; nobody makes one of more than 16,384.
  const exact = publicKey && Math.ceil((publicKey.algorithm as RsaHashedKeyAlgorithm).modulusLength / 8);
  const [least, most] = exact ? [exact, exact] : [256, 2048];
  if (bytes && bytes.length >= least && bytes.length <= most) return bytes;
  throw new AuthenticationError(
    `The callback "sign" must return a Uint8Array with the ${exact ?? `${least} to ${most}`} bytes of the signature, ` +
      `and returned ${bytes ? `${bytes.length} bytes` : "something else"}`,
  );
}
