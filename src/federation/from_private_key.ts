import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { encodeBase64Url } from "../core/encoding.ts";
import { reasonOf } from "../core/reason.ts";
import { trimEnd } from "../core/trim.ts";
import { parseUrl } from "../core/url.ts";
import { checkOption, checkText } from "../core/validate.ts";
import { AuthenticationError } from "../errors.ts";
import { createSource } from "./create_source.ts";

const LIFETIME_IN_S = 300;
/** Backdates the assertion, because the clock of this machine may be fast. */
const BEFORE_IN_S = 30;

/** Options of {@linkcode fromPrivateKey}. */
export interface PrivateKeySourceOptions extends AssertionSourceOptions {
  /**
   * The issuer, as in the federated credential: the `https:` URL where the documents of {@linkcode issuerDocuments} are
   * published.
   */
  issuer: string;
  /** The subject, as in the federated credential: any name for the workload. */
  subject: string;
  /** The id of the key in the documents of the issuer (`kid`). */
  keyId: string;
  /**
   * The private key: a `CryptoKey` for RSASSA-PKCS1-v1_5 or RSA-PSS with SHA-256, or a function that signs by RS256,
   * such as a key vault.
   */
  // A `CryptoKey`, which Node's types declare only in a module, not as a global.
  key: Awaited<ReturnType<typeof crypto.subtle.importKey>> | ((data: Uint8Array) => Uint8Array | Promise<Uint8Array>);
}

/**
 * Returns a source of assertions that the program signs itself, as an issuer of its own: for platforms that issue no
 * tokens, such as Cloudflare Workers and Netlify. The private key is a secret. It can be replaced without a change in
 * Microsoft Entra, by publishing the new public key.
 *
 * @param options See {@linkcode PrivateKeySourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromPrivateKey } from "@azweb/identity/federation";
 *
 * declare const key: CryptoKey;
 * const issuer = "https://issuer.contoso.com";
 * const getAssertion = fromPrivateKey({ issuer, subject: "my-worker", keyId: "2030-01", key });
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 */
export function fromPrivateKey(options: PrivateKeySourceOptions): AssertionSource {
  const { issuer, subject, keyId, key } = options;
  checkOption("issuer", issuer, checkIssuer);
  checkOption("subject", subject, checkText);
  checkOption("keyId", keyId, checkText);
  const alg = typeof key === "function" ? "RS256" : algorithmOf(key);
  const label = "the assertion of the private key";
  return createSource({
    name: "fromPrivateKey",
    options: "issuer subject keyId key",
    label,
    hasRequestedAudience: true,
    async get({ audience, settings }) {
      const now = Math.floor(settings.now() / 1000);
      const times = { iat: now - BEFORE_IN_S, nbf: now - BEFORE_IN_S, exp: now + LIFETIME_IN_S };
      const claims = { iss: issuer, sub: subject, aud: audience, jti: crypto.randomUUID(), ...times };
      const input = [{ alg, typ: "JWT", kid: keyId }, claims].map((part) => encodeBase64Url(JSON.stringify(part)))
        .join(".");
      const data = new TextEncoder().encode(input);
      try {
        const signature = typeof key === "function"
          ? await key(data)
          : new Uint8Array(await crypto.subtle.sign({ name: key.algorithm.name, saltLength: 32 }, key, data));
        if (!ArrayBuffer.isView(signature)) throw new TypeError('The function "key" must return a Uint8Array');
        return `${input}.${encodeBase64Url(signature)}`;
      } catch (cause) {
        throw new AuthenticationError(`Cannot get ${label}: The key cannot sign: ${reasonOf(cause)}`, { cause });
      }
    },
  }, options);
}

/** A public key of an issuer. */
export interface IssuerKey {
  /** The id of the key (`kid`). */
  readonly keyId: string;
  /** The public key, a `CryptoKey` which must be extractable. */
  readonly publicKey: Awaited<ReturnType<typeof crypto.subtle.importKey>>;
}

/** The documents that Microsoft Entra fetches from an issuer. */
export interface IssuerDocuments {
  /** The document at `/.well-known/openid-configuration` below the issuer. */
  readonly openidConfiguration: Readonly<Record<string, unknown>>;
  /** The document at `/.well-known/jwks.json` below the issuer. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, string>>[] };
}

/**
 * Returns the documents of an issuer, to publish as JSON at its URL (OpenID Connect Discovery 1.0, section 4).
 *
 * @param issuer The issuer, an `https:` URL.
 * @param keys The public keys: the current one, and during a rotation also the next one.
 * @throws {TypeError} The issuer or a key is malformed.
 *
 * @example
 * ```ts
 * import { issuerDocuments } from "@azweb/identity/federation";
 *
 * const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
 * const { publicKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
 * const documents = await issuerDocuments("https://issuer.contoso.com", [{ keyId: "2030-01", publicKey }]);
 * console.log(documents.openidConfiguration, documents.jwks);
 * ```
 */
export async function issuerDocuments(issuer: string, keys: readonly IssuerKey[]): Promise<IssuerDocuments> {
  checkIssuer(issuer);
  const algorithms = [...new Set(keys.map(({ publicKey }) => algorithmOf(publicKey)))];
  return {
    openidConfiguration: {
      issuer,
      jwks_uri: `${trimEnd(issuer, "/")}/.well-known/jwks.json`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: algorithms,
    },
    jwks: {
      keys: await Promise.all(keys.map(async ({ keyId, publicKey }) => {
        // Only the public members, in case the key is a private one by mistake.
        const { kty, n, e } = await crypto.subtle.exportKey("jwk", publicKey);
        return { kty: kty!, n: n!, e: e!, use: "sig", alg: algorithmOf(publicKey), kid: keyId };
      })),
    },
  };
}

function checkIssuer(issuer: string): void {
  const url = parseUrl(issuer);
  if (url?.protocol === "https:" && !url.username && !url.password && !url.search && !url.hash) return;
  throw new TypeError('Argument "issuer" must be a URL with "https:" and without credentials, query and fragment');
}

function algorithmOf(key: CryptoKey): "RS256" | "PS256" {
  const { name, hash } = Object(Object(key).algorithm) as { name?: unknown; hash?: { name?: unknown } };
  if (Object(hash).name === "SHA-256" && name === "RSASSA-PKCS1-v1_5") return "RS256";
  if (Object(hash).name === "SHA-256" && name === "RSA-PSS") return "PS256";
  throw new TypeError("A key of an issuer must be a CryptoKey for RSASSA-PKCS1-v1_5 or RSA-PSS, with SHA-256");
}
