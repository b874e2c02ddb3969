// A hostile PKCS#12 file must not block the program: iteration counts are checked before any key is derived.
import { fromPkcs12 } from "@azweb/identity/pkcs12";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import forge from "node-forge";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { failureOf } from "../support/service.ts";

const PASSWORD = "correct horse";
const { asn1, pki } = forge;
const { Class, Type } = asn1;

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const ENCRYPTED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const X509 = "1.2.840.113549.1.9.22.1";

// The types of node-forge are in another package.
// deno-lint-ignore no-explicit-any
type Asn1 = any;

/** The encryption algorithms: the current one, whose keys Web Crypto derives, and the legacy one for node-forge. */
const ALGORITHMS = ["aes256", "3des"] as const;
type Algorithm = typeof ALGORITHMS[number];

/** The properties of a PKCS#12 file. */
interface Recipe {
  readonly algorithm?: Algorithm;
  /** The actual iteration count. Default: 1. */
  readonly iterations?: number;
  /** The iteration counts that are written into the file. Default: the actual one. */
  readonly keyIterations?: number;
  readonly certificateIterations?: number;
  readonly macIterations?: number;
  /** Whether the encrypted key is inside encrypted contents. */
  readonly isKeyHidden?: boolean;
  readonly certificates?: readonly string[];
}

function sequence(...members: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, members);
}

function octets(bytes: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, bytes);
}

function oid(text: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(text).getBytes());
}

function explicit(member: Asn1): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [member]);
}

/** An INTEGER of at most 53 bits. */
function integer(value: number): Asn1 {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return asn1.create(
    Class.UNIVERSAL,
    Type.INTEGER,
    false,
    forge.util.hexToBytes(/^[89a-f]/.test(even) ? `00${even}` : even),
  );
}

function der(value: Asn1): string {
  return asn1.toDer(value).getBytes();
}

/** Encrypts a value. The result has `iterations` as its iteration count, which may differ from the actual one. */
function encrypt(value: Asn1, { algorithm = "aes256", iterations: count = 1 }: Recipe, iterations?: number): Asn1 {
  const encrypted = pki.encryptPrivateKeyInfo(value, PASSWORD, { algorithm, count });
  const parameters = encrypted.value[0].value[1];
  const derivation = algorithm === "aes256" ? parameters.value[0].value[1] : parameters;
  if (iterations !== undefined) derivation.value[1] = integer(iterations);
  return encrypted;
}

/** Creates a PKCS#12 file. */
function createFile(recipe: Recipe = {}): Uint8Array {
  const { keyIterations, certificateIterations, macIterations, isKeyHidden = false } = recipe;
  const { certificates = [pki.pemToDer(CERTIFICATE).getBytes()] } = recipe;
  const certificateBags = certificates.map((bytes) =>
    sequence(oid(CERTIFICATE_BAG), explicit(sequence(oid(X509), explicit(octets(bytes)))))
  );
  const keyInfo = asn1.fromDer(pki.pemToDer(KEY).getBytes());
  const keyBag = sequence(oid(ENCRYPTED_KEY_BAG), explicit(encrypt(keyInfo, recipe, keyIterations)));
  const hidden = sequence(...certificateBags, ...isKeyHidden ? [keyBag] : []);
  const [identifier, data] = encrypt(hidden, recipe, certificateIterations).value;
  const content = sequence(oid(DATA), identifier, asn1.create(Class.CONTEXT_SPECIFIC, 0, false, data.value));
  const safe = der(sequence(
    sequence(oid(ENCRYPTED_DATA), explicit(sequence(integer(0), content))),
    ...isKeyHidden ? [] : [sequence(oid(DATA), explicit(octets(der(sequence(keyBag)))))],
  ));
  const mac = forge.hmac.create();
  mac.start(forge.md.sha1.create(), forge.pkcs12.generateKey(PASSWORD, forge.util.createBuffer("salt"), 3, 1, 20));
  mac.update(safe);
  const digest = sequence(sequence(oid("1.3.14.3.2.26")), octets(mac.getMac().getBytes()));
  return toBytes(sequence(
    integer(3),
    sequence(oid(DATA), explicit(octets(safe))),
    sequence(digest, octets("salt"), integer(macIterations ?? 1)),
  ));
}

function toBytes(value: Asn1): Uint8Array {
  return Uint8Array.from(der(value) as string, (character) => character.charCodeAt(0));
}

/** Reads a file that is rejected. Returns the error and the number of iterations that were computed or requested. */
async function read(bytes: Uint8Array): Promise<{ error: Error; iterations: number }> {
  let iterations = 0;
  function spend(count: number): void {
    iterations += count;
    // Prevents a file that is not rejected from blocking the test.
    if (count > 100_000) throw new Error("It would block");
  }
  const { generateKey } = forge.pkcs12;
  const { pbkdf2 } = forge.pkcs5;
  const { generatePkcs12Key, getCipher } = pki.pbe;
  const { deriveKey } = crypto.subtle;
  const spies = { generateKey, generatePkcs12Key, pbkdf2 };
  forge.pkcs12.generateKey = (...args: Asn1[]) => (spend(args[3]), spies.generateKey(...args));
  pki.pbe.generatePkcs12Key = (...args: Asn1[]) => (spend(args[3]), spies.generatePkcs12Key(...args));
  forge.pkcs5.pbkdf2 = (...args: Asn1[]) => (spend(args[2]), spies.pbkdf2(...args));
  crypto.subtle.deriveKey = (...args) => {
    iterations += (args[0] as Pbkdf2Params).iterations;
    return deriveKey.apply(crypto.subtle, args);
  };
  try {
    return { error: await failureOf(fromPkcs12(bytes, PASSWORD)), iterations };
  } finally {
    forge.pkcs12.generateKey = generateKey;
    Object.assign(pki.pbe, { generatePkcs12Key, getCipher });
    forge.pkcs5.pbkdf2 = pbkdf2;
    crypto.subtle.deriveKey = deriveKey;
  }
}

/** Asserts that a PKCS#12 file is rejected before keys are derived with many iterations. */
async function rejects(bytes: Uint8Array, message: RegExp): Promise<void> {
  const { error, iterations } = await read(bytes);
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^Cannot read PKCS#12: [A-Z]/);
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, /horse/);
  assert.ok(iterations < 10, `${iterations} iterations were computed`);
}

const CONVERT = 'convert it with "openssl pkcs12 ';
const TOO_MANY = new RegExp(`(take|with) \\d+ iterations.*${CONVERT}`);

for (const algorithm of ALGORITHMS) {
  for (const isKeyHidden of [false, true]) {
    test(`reads a file with few iterations: ${algorithm}${isKeyHidden ? ", with the key inside encrypted contents" : ""}`, async () => {
      const { certificate } = await fromPkcs12(createFile({ algorithm, isKeyHidden }), PASSWORD);
      assert.match(
        certificate,
        /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----/,
      );
    });
  }
}

describe("rejects too many iterations before it derives a key with them", () => {
  // The limit is 10,000,000 where Web Crypto derives the key, and 100,000 where node-forge does.
  const MANY = {
    aes256: [10_000_001, 2 ** 31, 2 ** 32 + 1, 2 ** 52],
    "3des": [100_001, 1_000_000, 2 ** 31, 2 ** 32 + 1],
  };
  for (const iterations of MANY["3des"]) {
    test(`of the checksum: ${iterations}`, () => rejects(createFile({ macIterations: iterations }), TOO_MANY));
  }
  for (const algorithm of ALGORITHMS) {
    for (const iterations of MANY[algorithm]) {
      test(`of the key: ${algorithm}, ${iterations}`, () =>
        rejects(createFile({ algorithm, keyIterations: iterations }), TOO_MANY));
      test(`of the certificates: ${algorithm}, ${iterations}`, () =>
        rejects(createFile({ algorithm, certificateIterations: iterations }), TOO_MANY));
      test(`of a key within encrypted contents: ${algorithm}, ${iterations}`, () =>
        rejects(createFile({ algorithm, isKeyHidden: true, keyIterations: iterations }), TOO_MANY));
    }
  }

  test("of all parts together", async () => {
    const { error, iterations } = await read(createFile({ algorithm: "3des", iterations: 60_000 }));
    assert.match(error.message, TOO_MANY);
    // 60,000 each for the key and the initialization vector of the first part. The second part exceeds the limit.
    assert.ok(iterations < 125_000, `${iterations} iterations were computed`);
  });
});

test("derives the keys of current files by Web Crypto, which does not block the event loop", async () => {
  const { pbkdf2 } = forge.pkcs5;
  const file = createFile({ isKeyHidden: true });
  forge.pkcs5.pbkdf2 = () => assert.fail("It blocks");
  try {
    await fromPkcs12(file, PASSWORD);
  } finally {
    forge.pkcs5.pbkdf2 = pbkdf2;
  }
});

describe("rejects a file", () => {
  test("that is too large, before it is parsed", async () => {
    const { fromDer } = asn1;
    asn1.fromDer = () => assert.fail("It is parsed");
    try {
      await rejects(new Uint8Array(262_145), /It is larger than 262144 bytes$/);
    } finally {
      asn1.fromDer = fromDer;
    }
  });

  test("that has more certificates than a chain can have", () => {
    const own = pki.pemToDer(CERTIFICATE).getBytes();
    // The last byte of a certificate is part of its signature.
    const certificates = Array.from({ length: 101 }, (_, index) => own.slice(0, -1) + String.fromCharCode(index));
    return rejects(createFile({ certificates }), /It contains more than 100 certificates$/);
  });

  for (const [kind, tag] of [["sequences", 0x30], ["constructed strings", 0x24], ["tagged values", 0xa0]] as const) {
    test(`that is deeply nested: ${kind}`, () => rejects(nest(tag, 60_000), /It is damaged/));
    test(`whose contents are deeply nested: ${kind}`, async () => {
      const nested = String.fromCharCode(...nest(tag, 10_000));
      const file = sequence(integer(3), sequence(oid(DATA), explicit(octets(nested))));
      await rejects(toBytes(file), /It is damaged|or the file is damaged/);
    });
  }

  test("with a wrong byte at any position, unless it is still valid", async () => {
    const file = createFile({ isKeyHidden: true });
    for (let at = 0; at < file.length; at += 7) {
      for (const byte of [0x00, 0x7f, 0x80, 0x84, 0xff]) {
        const damaged = file.slice();
        damaged[at] = byte;
        const outcome = await fromPkcs12(damaged, PASSWORD).catch((error) => error);
        assert.ok(outcome.certificate ?? outcome.name === "AuthenticationError", `${at}, ${byte}: ${outcome.stack}`);
      }
    }
  });
});

/** Returns nested values of indefinite length (BER), without their end markers. */
function nest(tag: number, depth: number): Uint8Array {
  return new Uint8Array(depth * 2).map((_, index) => index % 2 === 0 ? tag : 0x80);
}
