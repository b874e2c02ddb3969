import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CertificateConfiguration, ClientCertificateCredential } from "@azweb/identity";
import fc from "fast-check";
import { anyCharacter } from "../support/any_character.ts";
import { publicKeys } from "../support/certificates/assertion.ts";
import {
  AUTHORITY,
  CERTIFICATE,
  EC_CERTIFICATE,
  EC_KEY,
  KEY,
  KEY_ENCRYPTED,
  KEY_ENCRYPTED_WEAKLY,
  KEY_PKCS1,
  OTHER_KEY,
  PASSWORD,
  SHA1,
  SHA256,
} from "../support/certificates/certificates.ts";
import {
  assertionOf,
  CLIENT_ID,
  createRecorder,
  SCOPE,
  TENANT_ID,
  verify,
} from "../support/certificates/client_assertion.ts";

// A fixed seed: each run generates the same inputs, so that a failure can be reproduced.
fc.configureGlobal({ seed: 20261122 });

const PS256 = { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };
const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const ENTRA = `https://login.microsoftonline.com/${TENANT_ID}/oauth2/v2.0/token`;
const AD_FS = { authorityHost: "https://adfs.example.com" };

/** Converts a thumbprint from the format that openssl prints to the base64url of a JWT header. */
function base64Url(hex: string): string {
  const text = hex.split(":").map((digits) => String.fromCharCode(parseInt(digits, 16))).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Returns the base64 content of a PEM block. */
function bodyOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}

/** Changes the bytes of a PEM block. */
function changeBytes(pem: string, change: (bytes: string) => string): string {
  return pem.replace(/(-----\n)[^-]+/, (_, head) => `${head}${btoa(change(atob(bodyOf(pem))))}\n`);
}

function importKey(
  algorithm: { name: string; hash: string },
  usages: KeyUsage[] = ["sign"],
  pem = KEY,
): Promise<CryptoKey> {
  const der = Uint8Array.from(atob(bodyOf(pem)), (character) => character.charCodeAt(0));
  return crypto.subtle.importKey("pkcs8", der, algorithm, false, usages);
}

/** A `sign` callback, as a remote key store would implement it. */
async function remoteSign(data: Uint8Array, algorithm: "PS256" | "RS256"): Promise<Uint8Array> {
  const parameters = algorithm === "PS256" ? PS256 : RS256;
  return new Uint8Array(await crypto.subtle.sign(parameters, await importKey(parameters), new Uint8Array(data)));
}

/** Asserts that `getToken` rejects because the configured certificate is invalid, and that no request is sent. */
async function rejects(configuration: CertificateConfiguration, message: RegExp, now = Date.now()): Promise<Error> {
  const { forms, fetch } = createRecorder();
  const options = { fetch, env: {}, runtime: { now: () => now } };
  const credential = new ClientCertificateCredential(TENANT_ID, CLIENT_ID, configuration, options);
  let caught: unknown;
  await assert.rejects(credential.getToken(SCOPE), (error: Error & { statusCode?: number }) => {
    assert.equal(error.name, "AuthenticationError");
    assert.equal(error.statusCode, 0);
    assert.match(error.message, /^ClientCertificateCredential: Cannot use the certificate(?: in ".+")?: [^"]/);
    assert.match(error.message, message);
    caught = error;
    return true;
  });
  assert.equal(forms.length, 0);
  return caught as Error;
}

describe("the assertion", () => {
  test("has the issuer, the audience and a lifetime of ten minutes, and is signed with PS256", async () => {
    const now = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
    const { forms, fetch } = createRecorder();
    const options = { fetch, env: {}, runtime: { now: () => now } };
    const configuration = { certificate: CERTIFICATE + KEY };
    await new ClientCertificateCredential(TENANT_ID, CLIENT_ID, configuration, options).getToken(SCOPE);
    const { client_assertion, client_assertion_type, client_id, grant_type } = Object.fromEntries(forms[0]!);
    assert.equal(client_id, CLIENT_ID);
    assert.equal(grant_type, "client_credentials");
    assert.equal(client_assertion_type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const { header, payload: { jti, ...claims } } = await verify(client_assertion!, CERTIFICATE, now);
    assert.deepEqual(header, { alg: "PS256", typ: "JWT", "x5t#S256": base64Url(SHA256) });
    const seconds = Math.floor(now / 1000);
    assert.deepEqual(claims, {
      aud: ENTRA,
      iss: CLIENT_ID,
      sub: CLIENT_ID,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 600,
    });
    assert.match(jti!, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test("is signed with RS256 for AD FS", async () => {
    const assertion = await assertionOf({ certificate: CERTIFICATE + KEY }, AD_FS, "adfs");
    const { header, payload } = await verify(assertion, CERTIFICATE);
    assert.deepEqual(header, { alg: "RS256", typ: "JWT", x5t: base64Url(SHA1) });
    assert.equal(payload.aud, "https://adfs.example.com/adfs/oauth2/token");
  });

  test("is signed with the algorithm of each authority", async () => {
    const { forms, fetch } = createRecorder();
    const trust = { disableInstanceDiscovery: true, additionallyAllowedTenants: ["adfs"] };
    const options = { ...AD_FS, ...trust, fetch, env: {}, cache: false as const };
    const credential = new ClientCertificateCredential(
      TENANT_ID,
      CLIENT_ID,
      { certificate: CERTIFICATE + KEY },
      options,
    );
    for (const tenantId of [TENANT_ID, "adfs", TENANT_ID]) await credential.getToken(SCOPE, { tenantId });
    const assertions = await Promise.all(forms.map((form) => verify(form.get("client_assertion")!, CERTIFICATE)));
    assert.deepEqual(assertions.map(({ header }) => header.alg), ["PS256", "RS256", "PS256"]);
  });

  test("is created for each request", async () => {
    const { forms, fetch } = createRecorder();
    const options = { fetch, env: {}, cache: false as const };
    const credential = new ClientCertificateCredential(
      TENANT_ID,
      CLIENT_ID,
      { certificate: CERTIFICATE + KEY },
      options,
    );
    await credential.getToken(SCOPE);
    await credential.getToken(SCOPE);
    const [one, other] = await Promise.all(forms.map((form) => verify(form.get("client_assertion")!, CERTIFICATE)));
    assert.notEqual(one!.payload.jti, other!.payload.jti);
  });

  test("contains the certificate chain in its order with sendCertificateChain", async () => {
    const options = { sendCertificateChain: true };
    for (const certificate of [CERTIFICATE + AUTHORITY + KEY, KEY + CERTIFICATE + AUTHORITY]) {
      const { header } = await verify(await assertionOf({ certificate }, options), CERTIFICATE);
      assert.deepEqual(header.x5c, [bodyOf(CERTIFICATE), bodyOf(AUTHORITY)]);
    }
    const parts = { certificate: CERTIFICATE + AUTHORITY, sign: remoteSign };
    const { header } = await verify(await assertionOf(parts, options), CERTIFICATE);
    assert.deepEqual(header.x5c, [bodyOf(CERTIFICATE), bodyOf(AUTHORITY)]);
  });
});

describe("PEM text", () => {
  const readable: Record<string, string> = {
    "PKCS#8": CERTIFICATE + KEY,
    "PKCS#1": CERTIFICATE + KEY_PKCS1,
    "the key first": KEY + CERTIFICATE,
    "text around the blocks":
      `\uFEFFBag Attributes\n  friendlyName: -----\n${CERTIFICATE}Key: <No Attributes>\n${KEY}\nend`,
    "Windows line endings": (CERTIFICATE + KEY_PKCS1).replaceAll("\n", "\r\n"),
    "line endings escaped for an environment variable": (CERTIFICATE + KEY).replaceAll("\n", "\\n"),
    "Windows line endings escaped for an environment variable": (CERTIFICATE + KEY).replaceAll("\n", "\\r\\n"),
    "spaces instead of line endings": (CERTIFICATE + KEY).replaceAll("\n", " "),
    "no line breaks": (CERTIFICATE + KEY).replaceAll("\n", ""),
    "other blocks": `-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n${CERTIFICATE}${KEY}`,
  };
  for (const [form, certificate] of Object.entries(readable)) {
    test(`is read: ${form}`, async () => {
      await verify(await assertionOf({ certificate }), CERTIFICATE);
      await verify(await assertionOf({ certificate }, AD_FS, "adfs"), CERTIFICATE);
    });
  }

  test("is read: an encrypted key", async () => {
    for (const certificate of [CERTIFICATE + KEY_ENCRYPTED, (CERTIFICATE + KEY_ENCRYPTED).replaceAll("\n", "\\n")]) {
      await verify(await assertionOf({ certificate, certificatePassword: PASSWORD }), CERTIFICATE);
    }
  });

  test("ignores a password for a key that is not encrypted", async () => {
    await verify(await assertionOf({ certificate: CERTIFICATE + KEY, certificatePassword: "unused" }), CERTIFICATE);
  });

  const damaged = KEY.replace(/(?<=-----\n)M/, "N");
  const unreadable: Record<string, [string, RegExp]> = {
    "no certificate": [KEY, /It contains no certificate: "-----BEGIN CERTIFICATE-----" is missing/],
    "no private key": [CERTIFICATE, /It contains no private key: "-----BEGIN PRIVATE KEY-----" is missing/],
    "two private keys": [CERTIFICATE + KEY + OTHER_KEY, /It contains several private keys/],
    "another certificate's key": [CERTIFICATE + OTHER_KEY, /The private key does not belong to the certificate/],
    "the authority's certificate first": [AUTHORITY + CERTIFICATE + KEY, /must be the first one in the PEM text/],
    "an encrypted key without password": [
      CERTIFICATE + KEY_ENCRYPTED,
      /The private key is encrypted: set "certificatePassword"/,
    ],
    "a key for an elliptic curve": [
      CERTIFICATE + EC_KEY,
      /not an RSA key \("1\.2\.840\.10045\.2\.1"\): Microsoft Entra supports RSA keys only.*"openssl req/,
    ],
    "a certificate for an elliptic curve": [
      EC_CERTIFICATE + EC_KEY,
      /The certificate is not for an RSA key.*"openssl req/,
    ],
    "an OpenSSH key": [
      CERTIFICATE + KEY.replaceAll("PRIVATE", "OPENSSH PRIVATE"),
      /not an RSA key \("OPENSSH PRIVATE KEY"\)/,
    ],
    "a key in the traditional encrypted format of OpenSSL": [
      CERTIFICATE + KEY_PKCS1.replace("KEY-----\n", "$&Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"),
      /an unsupported algorithm \("Proc-Type: 4,ENCRYPTED"\).*"openssl pkcs8 -topk8/,
    ],
    "a damaged certificate": [CERTIFICATE.replace("MII", "MIA") + KEY, /The certificate is damaged/],
    "a truncated certificate": [
      changeBytes(CERTIFICATE, (bytes) => bytes.slice(0, -10)) + KEY,
      /The certificate is damaged/,
    ],
    "bytes after a certificate": [
      changeBytes(CERTIFICATE, (bytes) => bytes + "\x05\x00") + KEY,
      /The certificate is damaged/,
    ],
    "a damaged key": [CERTIFICATE + damaged, /The private key is damaged/],
    "a damaged PKCS#1 key": [CERTIFICATE + KEY_PKCS1.replace("MII", "MIA"), /The private key is damaged/],
    "characters that are not base64": [
      CERTIFICATE + KEY.replace("MII", "M?I"),
      /"-----BEGIN PRIVATE KEY-----" is not base64/,
    ],
    "a block without content": [
      CERTIFICATE + "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
      /is not base64/,
    ],
    "a key without its END line": [
      CERTIFICATE + KEY.slice(0, 900),
      /truncated: "-----END PRIVATE KEY-----" is missing/,
    ],
    "the END line of another block": [
      CERTIFICATE.replace("END CERT", "END KEY") + KEY,
      /"-----END CERTIFICATE-----" is missing/,
    ],
    "more than a million characters": [
      CERTIFICATE + "-----BEGIN PRIVATE KEY-----" + "A".repeat(1_000_000),
      /It is longer than a million/,
    ],
    "nearly a million characters without an END line": [
      (CERTIFICATE + "-----BEGIN PRIVATE KEY-----").padEnd(1_000_000, "A"),
      /"-----END PRIVATE KEY-----" is missing/,
    ],
    "nearly a million characters of base64": [
      `${CERTIFICATE}-----BEGIN PRIVATE KEY-----${"A".repeat(900_000)}-----END PRIVATE KEY-----`,
      /The private key is damaged/,
    ],
    "text without a PEM block": [
      "a certificate",
      /It is not PEM text.*"openssl pkcs12 -in old.pfx -out new.pem -nodes"/,
    ],
    "PKCS#12 that was read as text": ["0\uFFFD\t\u0002\u0001\u00030\uFFFD", /It is not PEM text.*"openssl pkcs12/],
  };
  for (const [form, [certificate, message]] of Object.entries(unreadable)) {
    test(`is rejected: ${form}`, async () => {
      await rejects({ certificate }, message);
    });
  }

  test("is rejected: a wrong password", async () => {
    // Several attempts, because one wrong password in 256 results in valid padding.
    for (let attempt = 0; attempt < 20; attempt++) {
      const configuration = { certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: `wrong horse ${attempt}` };
      const error = await rejects(configuration, /Cannot decrypt the private key: "certificatePassword" is wrong/);
      assert.doesNotMatch(error.message, /horse/);
    }
  });

  test("is rejected: an iteration count that would take minutes", async () => {
    const slow = changeBytes(KEY_ENCRYPTED, (bytes) => {
      // The count 10,000 follows eight bytes of salt. Two bytes of the salt are moved to the count.
      const at = bytes.indexOf("\x02\x02\x27\x10");
      const salt = bytes.slice(at - 8, at - 2);
      return `${bytes.slice(0, at - 10)}\x04\x06${salt}\x02\x04\x7f\xff\xff\xff${bytes.slice(at + 4)}`;
    });
    const configuration = { certificate: CERTIFICATE + slow, certificatePassword: PASSWORD };
    await rejects(configuration, /an unsupported algorithm \("2147483647 iterations"\).*"openssl pkcs8/);
  });

  test("is rejected before and after its validity period", async () => {
    const configuration = { certificate: CERTIFICATE + KEY };
    const begin = Date.UTC(2020, 0, 1);
    const end = Date.UTC(2090, 0, 1);
    await rejects(configuration, /It is not valid before "2020-01-01T00:00:00\.000Z"/, begin - 1);
    await rejects(configuration, /It expired on "2090-01-01T00:00:00\.000Z"/, end + 1);
    await rejects({ certificate: CERTIFICATE, sign: remoteSign }, /It expired on "2090/, end + 1);
    for (const now of [begin, end]) await assertionOf(configuration, { runtime: { now: () => now } });
  });
});

describe("a file", () => {
  const certificatePath = "/secrets/app.pem";

  test("is given by its path, as a string or in an object", async () => {
    const read: string[] = [];
    const readTextFile = (path: string) => {
      read.push(path);
      return Promise.resolve(CERTIFICATE + KEY_ENCRYPTED);
    };
    const configuration = { certificatePath, certificatePassword: PASSWORD };
    await verify(await assertionOf(configuration, { runtime: { readTextFile } }), CERTIFICATE);
    const plain = () => Promise.resolve(CERTIFICATE + KEY);
    await verify(await assertionOf(certificatePath, { runtime: { readTextFile: plain } }), CERTIFICATE);
    assert.deepEqual(new Set(read), new Set([certificatePath]));
  });

  test("is read for each token request, so that a renewed certificate is used", async () => {
    const { forms, fetch } = createRecorder();
    let content = CERTIFICATE + KEY;
    const runtime = { readTextFile: () => Promise.resolve(content) };
    const options = { fetch, env: {}, cache: false as const, runtime };
    const credential = new ClientCertificateCredential(TENANT_ID, CLIENT_ID, certificatePath, options);
    await credential.getToken(SCOPE);
    content = CERTIFICATE + OTHER_KEY;
    await assert.rejects(
      credential.getToken(SCOPE),
      /Cannot use the certificate in "\/secrets\/app\.pem": The private key does not/,
    );
    content = KEY_PKCS1 + CERTIFICATE;
    await credential.getToken(SCOPE);
    assert.equal(forms.length, 2);
  });

  test("that cannot be read causes an AuthenticationError", async () => {
    const readTextFile = () => Promise.reject(new Error("No such file or directory"));
    await assert.rejects(assertionOf(certificatePath, { runtime: { readTextFile } }), {
      name: "AuthenticationError",
      message:
        'ClientCertificateCredential: Cannot read the certificate of "certificatePath", "/secrets/app.pem": No such file or directory: ' +
        "Check the path, and that this program may read the file",
    });
  });

  test("that is empty causes an AuthenticationError", async () => {
    for (const content of ["", " \n"]) {
      const readTextFile = () => Promise.resolve(content);
      await assert.rejects(assertionOf(certificatePath, { runtime: { readTextFile } }), {
        name: "AuthenticationError",
        message: 'ClientCertificateCredential: Cannot use the certificate in "/secrets/app.pem": It is empty',
      });
    }
  });
});

describe("a CryptoKey", () => {
  test("signs with its own algorithm", async () => {
    const expected = { "x5t#S256": base64Url(SHA256), x5t: base64Url(SHA1) };
    for (const [algorithm, alg, digest] of [[PS256, "PS256", "x5t#S256"], [RS256, "RS256", "x5t"]] as const) {
      const privateKey = await importKey(algorithm);
      const { header } = await verify(await assertionOf({ certificate: CERTIFICATE, privateKey }), CERTIFICATE);
      assert.deepEqual(header, { alg, typ: "JWT", [digest]: expected[digest] });
    }
  });

  test("can be combined with a thumbprint, with or without colons", async () => {
    const privateKey = await importKey(PS256);
    for (const thumbprint of [SHA256, SHA256.replaceAll(":", "").toLowerCase()]) {
      const { header } = await verify(await assertionOf({ thumbprint, privateKey }), CERTIFICATE);
      assert.deepEqual(header, { alg: "PS256", typ: "JWT", "x5t#S256": base64Url(SHA256) });
    }
    const adfs = { thumbprint: SHA1, privateKey: await importKey(RS256) };
    const { header } = await verify(await assertionOf(adfs, AD_FS, "adfs"), CERTIFICATE);
    assert.deepEqual(header, { alg: "RS256", typ: "JWT", x5t: base64Url(SHA1) });
  });

  test("for PS256 is rejected for AD FS", async () => {
    const privateKey = await importKey(PS256);
    const assertion = assertionOf({ certificate: CERTIFICATE, privateKey }, AD_FS, "adfs");
    await assert.rejects(assertion, {
      name: "AuthenticationError",
      message: /AD FS does not support PS256.*RSASSA-PKCS1-v1_5/,
    });
  });

  test("of another certificate is rejected", async () => {
    const privateKey = await importKey(PS256, ["sign"], OTHER_KEY);
    await rejects({ certificate: CERTIFICATE, privateKey }, /The private key does not belong to the certificate/);
  });
});

describe("a callback", () => {
  test("signs the data with the requested algorithm", async () => {
    const algorithms: string[] = [];
    const sign = (data: Uint8Array, algorithm: "PS256" | "RS256") => {
      algorithms.push(algorithm);
      return remoteSign(data, algorithm);
    };
    await verify(await assertionOf({ certificate: CERTIFICATE, sign }), CERTIFICATE);
    await verify(await assertionOf({ certificate: CERTIFICATE, sign }, AD_FS, "adfs"), CERTIFICATE);
    await verify(await assertionOf({ thumbprint: SHA256, sign }), CERTIFICATE);
    await verify(await assertionOf({ thumbprint: SHA1, sign }), CERTIFICATE);
    await verify(await assertionOf({ thumbprint: SHA1, sign }, AD_FS, "adfs"), CERTIFICATE);
    assert.deepEqual(algorithms, ["PS256", "RS256", "PS256", "RS256", "RS256"]);
  });

  test("with a SHA-256 thumbprint is rejected for AD FS", async () => {
    const assertion = assertionOf({ thumbprint: SHA256, sign: remoteSign }, AD_FS, "adfs");
    await assert.rejects(assertion, { name: "AuthenticationError", message: /AD FS does not support PS256.*SHA-1/ });
  });

  test("that throws causes an error with the thrown error as its cause", async () => {
    const cause = new Error("The vault is sealed");
    for (
      const sign of [() => Promise.reject(cause), () => {
        throw cause;
      }]
    ) {
      for (const part of [{ certificate: CERTIFICATE }, { thumbprint: SHA256 }]) {
        const error = await rejects({ ...part, sign }, /"sign" failed: The vault is sealed$/);
        assert.equal(error.cause, cause);
      }
    }
  });

  /** What the callback returns, and the errors with a certificate and with a thumbprint, which has no key length. */
  const results: Record<string, [unknown, RegExp, RegExp]> = {
    undefined: [
      undefined,
      /the 256 bytes of the signature, and returned another type/,
      /the 256 to 2048 bytes of the signature, and returned another type/,
    ],
    "a string": ["c2lnbmF0dXJl", /returned another type/, /returned another type/],
    "no bytes": [new Uint8Array(0), /returned 0 bytes/, /returned 0 bytes/],
    "a signature of an elliptic curve key": [new Uint8Array(64), /returned 64 bytes/, /returned 64 bytes/],
    "more bytes than any RSA signature": [new Uint8Array(4000), /returned 4000 bytes/, /returned 4000 bytes/],
  };
  for (const [kind, [result, exact, bounds]] of Object.entries(results)) {
    test(`that returns ${kind} causes an error`, async () => {
      const sign = () => Promise.resolve(result as Uint8Array);
      await rejects({ certificate: CERTIFICATE, sign }, exact);
      await rejects({ thumbprint: SHA256, sign }, bounds);
    });
  }

  test("that signs other data or with another algorithm causes an error", async () => {
    const otherData = () => remoteSign(new Uint8Array(1), "PS256");
    await rejects({ certificate: CERTIFICATE, sign: otherData }, /does not belong.*or "sign" does not sign PS256/);
    const otherAlgorithm = (data: Uint8Array) => remoteSign(data, "RS256");
    await rejects({ certificate: CERTIFICATE, sign: otherAlgorithm }, /or "sign" does not sign PS256/);
  });
});

describe("a cached token", () => {
  async function requestsOf(...configurations: CertificateConfiguration[]): Promise<number> {
    const { forms, fetch } = createRecorder();
    const runtime = { readTextFile: () => Promise.resolve(CERTIFICATE + KEY) };
    for (const configuration of configurations) {
      await new ClientCertificateCredential(TENANT_ID, CLIENT_ID, configuration, { fetch, env: {}, runtime }).getToken(
        SCOPE,
      );
    }
    return forms.length;
  }

  test("is shared by credentials with the same private key", async () => {
    const text = { certificate: CERTIFICATE + KEY };
    const key = { certificate: CERTIFICATE, privateKey: await importKey(PS256) };
    const callback = { thumbprint: SHA256, sign: remoteSign };
    assert.equal(await requestsOf(text, { ...text }, "app.pem"), 1);
    assert.equal(await requestsOf(key, { ...key }), 1);
    assert.equal(await requestsOf(callback, { ...callback }), 1);
  });

  test("is not shared by credentials with one certificate but different CryptoKeys, callbacks or passwords", async () => {
    const privateKey = await importKey(PS256);
    const otherObject = await importKey(PS256);
    const sign = (data: Uint8Array, algorithm: "PS256" | "RS256") => remoteSign(data, algorithm);
    assert.equal(
      await requestsOf({ certificate: CERTIFICATE, privateKey }, { certificate: CERTIFICATE, privateKey: otherObject }),
      2,
    );
    assert.equal(await requestsOf({ thumbprint: SHA256, sign: remoteSign }, { thumbprint: SHA256, sign }), 2);
    const encrypted = { certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: PASSWORD };
    const withWrongPassword = requestsOf(encrypted, { ...encrypted, certificatePassword: "wrong" });
    await assert.rejects(withWrongPassword, /"certificatePassword" is wrong/);
  });
});

describe("the configuration", () => {
  function assertTypeError(configuration: unknown, message: RegExp, options = {}): void {
    const create = () => new ClientCertificateCredential(TENANT_ID, CLIENT_ID, configuration as string, options);
    assert.throws(create, (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /horse|MII/);
      return true;
    });
  }

  test("must be one of the documented forms", async () => {
    const privateKey = await importKey(PS256);
    const sign = remoteSign;
    for (const value of [undefined, null, 1, true]) {
      assertTypeError(value, /must be the path of a PEM file or an object/);
    }
    const withoutSource = [{}, { certificatePassword: PASSWORD }, { privateKey }, { sign }, { certificate: undefined }];
    for (const configuration of withoutSource) {
      assertTypeError(configuration, /exactly one of "certificatePath", "certificate" and "thumbprint"/);
    }
    assertTypeError({ certificatePath: "a.pem", certificate: CERTIFICATE }, /exactly one of/);
    assertTypeError({ certificate: CERTIFICATE, thumbprint: SHA256, sign }, /exactly one of/);
    assertTypeError("", /non-empty string as "certificatePath"/);
    assertTypeError({ certificatePath: " " }, /non-empty string as "certificatePath"/);
    assertTypeError({ certificate: "" }, /non-empty string as "certificate"/);
    for (const bytes of [new Uint8Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1))]) {
      for (const configuration of [bytes, { certificate: bytes }, { certificatePath: bytes }]) {
        assertTypeError(
          configuration,
          /must be a string, not bytes: decode a PEM file with "new TextDecoder\(\)\.decode\(bytes\)", read a/,
        );
      }
    }
    assertTypeError({ certificate: CERTIFICATE, certificatePassword: "" }, /non-empty string as "certificatePassword"/);
    assertTypeError({ thumbprint: "", sign }, /non-empty string as "thumbprint"/);
    assertTypeError(CERTIFICATE + KEY, /pass PEM text as "certificate"/);
    assertTypeError({ certificatePath: bodyOf(KEY).replace("A", "A\n") }, /must have a path as "certificatePath"/);
    assertTypeError({ thumbprint: SHA256 }, /"privateKey" or "sign" beside "thumbprint"/);
    assertTypeError({ certificate: CERTIFICATE, privateKey, sign }, /only one of "privateKey" and "sign"/);
    assertTypeError({ certificatePath: "a.pem", sign }, /without "certificatePath"/);
    assertTypeError(
      { certificate: CERTIFICATE, privateKey, certificatePassword: PASSWORD },
      /without "certificatePath"/,
    );
    assertTypeError({ certificate: CERTIFICATE + KEY, privateKey }, /must not have a private key in "certificate"/);
    assertTypeError({ certificate: CERTIFICATE, sign: "sign" }, /must have a function as "sign"/);
    for (const thumbprint of ["12", SHA256 + "00", SHA256.replace("FF", "GG"), `sha256:${SHA256}`]) {
      assertTypeError({ thumbprint, sign }, /must have 64 \(SHA-256\) or 40 \(SHA-1\) hexadecimal digits/);
    }
    assertTypeError({ thumbprint: SHA1, privateKey }, /a SHA-256 "thumbprint" beside a key for "RSA-PSS"/);
    assertTypeError(
      { thumbprint: SHA256, privateKey: await importKey(RS256) },
      /SHA-1 one beside a key for "RSASSA-PKCS1-v1_5"/,
    );
    assertTypeError({ thumbprint: SHA256, sign }, /"sendCertificateChain" requires "certificate"/, {
      sendCertificateChain: true,
    });
  });

  test("must contain a key that can sign", async () => {
    const message =
      /must have a private CryptoKey for "RSA-PSS" or "RSASSA-PKCS1-v1_5" with "SHA-256" and the usage "sign"/;
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const { keys: [jwk] } = await publicKeys("a-key");
    const publicKey = await crypto.subtle.importKey("jwk", jwk as JsonWebKey, PS256, false, ["verify"]);
    const sha512 = await importKey({ name: "RSA-PSS", hash: "SHA-512" });
    const oaep = await importKey({ name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"]);
    const ec = await crypto.subtle.generateKey(curve, false, ["sign", "verify"]);
    const keys = [publicKey, sha512, oaep, ec.privateKey, KEY, {}, null, 1];
    for (const privateKey of keys) assertTypeError({ certificate: CERTIFICATE, privateKey }, message);
    // A CryptoKey is recognized by its members, because it may come from another realm.
    assertTypeError(
      { certificate: CERTIFICATE, privateKey: { ...shape(await importKey(PS256)), usages: [] } },
      message,
    );
  });

  function shape({ type, algorithm, usages }: CryptoKey): object {
    return { type, algorithm, usages };
  }
});

describe("arbitrary PEM text is accepted, or causes an AuthenticationError that does not repeat it", () => {
  const whole = CERTIFICATE + AUTHORITY + KEY_ENCRYPTED_WEAKLY;
  const bodies = [KEY, KEY_ENCRYPTED_WEAKLY, KEY_PKCS1].map(bodyOf);

  async function assertSafeError(certificate: string, label: string): Promise<void> {
    if (certificate.trim() === "") return;
    let error: Error;
    try {
      await assertionOf({ certificate, certificatePassword: PASSWORD });
      return;
    } catch (caught) {
      error = caught as Error;
    }
    assert.equal(error.name, "AuthenticationError", `${label}: ${error.stack}`);
    assert.equal(error.cause, undefined);
    assert.ok(error.message.length < 400, error.message);
    assert.ok(!error.message.includes(PASSWORD), error.message);
    for (const word of error.message.match(/[\w+/]{12,}/g) ?? []) {
      assert.ok(!bodies.some((body) => body.includes(word)), error.message);
    }
  }

  test("arbitrary text", async () => {
    const piece = fc.constantFrom(
      "-----BEGIN ",
      "-----END ",
      "-----",
      "CERTIFICATE",
      "PRIVATE KEY",
      "RSA PRIVATE KEY",
      "ENCRYPTED PRIVATE KEY",
      "\n",
      bodyOf(CERTIFICATE),
      bodyOf(KEY),
      bodyOf(KEY_ENCRYPTED_WEAKLY),
    );
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.array(fc.oneof(piece, fc.string()), { maxLength: 20 }).map((all) => all.join("")),
    );
    await fc.assert(fc.asyncProperty(text, (text) => assertSafeError(text, "arbitrary")), { numRuns: 300 });
  });

  test("truncated PEM", async () => {
    const text = fc.tuple(fc.nat(whole.length), fc.constantFrom(whole, CERTIFICATE + KEY, KEY_PKCS1 + CERTIFICATE));
    const property = fc.asyncProperty(text, ([length, pem]) => assertSafeError(pem.slice(0, length), "cut off"));
    await fc.assert(property, { numRuns: 100 });
  });

  test("PEM with characters replaced", async () => {
    const change = fc.tuple(
      fc.nat(whole.length),
      fc.oneof(fc.constantFrom(..."AMm/+=-\n "), fc.string({ maxLength: 3 })),
    );
    const text = fc.tuple(
      fc.constantFrom(whole, CERTIFICATE + KEY, KEY_PKCS1 + CERTIFICATE),
      fc.array(change, { minLength: 1, maxLength: 5 }),
    )
      .map(([pem, changes]) =>
        changes.reduce(
          (pem, [at, text]) => pem.slice(0, at % pem.length) + text + pem.slice(at % pem.length + text.length),
          pem,
        )
      );
    await fc.assert(fc.asyncProperty(text, (text) => assertSafeError(text, "changed")), { numRuns: 200 });
  });

  test("DER with bytes replaced", async () => {
    const blocks = whole.match(/-----BEGIN[^]+?-----END.+\n/g)!;
    const text = fc.tuple(fc.nat(blocks.length - 1), fc.nat(1500), fc.nat(255)).map(([index, at, byte]) =>
      blocks.map((block, i) => {
        if (i !== index) return block;
        return changeBytes(block, (bytes) => {
          const index = at % bytes.length;
          return bytes.slice(0, index) + String.fromCharCode(byte) + bytes.slice(index + 1);
        });
      }).join("")
    );
    await fc.assert(fc.asyncProperty(text, (text) => assertSafeError(text, "changed DER")), { numRuns: 300 });
  });
});

test("no cache key depends on the password alone, because a digest could be guessed faster than the key decrypted", async () => {
  const { fetch } = createRecorder();
  const keys = await Promise.all([1, 2].map(async () => {
    const cache = new Map();
    const configuration = { certificate: CERTIFICATE + KEY_ENCRYPTED, certificatePassword: PASSWORD };
    await new ClientCertificateCredential(TENANT_ID, CLIENT_ID, configuration, { fetch, cache }).getToken(SCOPE);
    return [...cache.keys()].join();
  }));
  assert.notEqual(keys[0], keys[1]);
});

test("the methods of options.runtime are called with options.runtime as this", async () => {
  class Files {
    readonly #text = CERTIFICATE + KEY;
    readTextFile(): Promise<string> {
      return Promise.resolve(this.#text);
    }
  }
  const { fetch } = createRecorder();
  const runtime = new Files();
  const token = await new ClientCertificateCredential(TENANT_ID, CLIENT_ID, "app.pem", { fetch, runtime }).getToken(
    SCOPE,
  );
  assert.ok(token.token);
});
