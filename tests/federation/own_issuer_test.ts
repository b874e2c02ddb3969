import { ClientAssertionCredential } from "@azweb/identity";
import { fromPrivateKey, issuerDocuments } from "@azweb/identity/federation";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { AUDIENCE, NOW, sourceOptions } from "../support/federation/assertions.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT } from "../support/service.ts";

const ISSUER = "https://issuer.contoso.com/workers/";
const RSA = { hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

function generate(name = "RSASSA-PKCS1-v1_5"): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name, ...RSA }, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

function options() {
  return { ...sourceOptions(createService()), issuer: ISSUER, subject: "my-worker", keyId: "2030-01" };
}

for (const [name, alg] of [["RSASSA-PKCS1-v1_5", "RS256"], ["RSA-PSS", "PS256"]] as const) {
  test(`an assertion by ${alg} is verified by the documents of the issuer`, async () => {
    const { privateKey, publicKey } = await generate(name);
    const { openidConfiguration, jwks } = await issuerDocuments(ISSUER, [{ keyId: "2030-01", publicKey }]);
    assert.deepEqual(openidConfiguration, {
      issuer: ISSUER,
      jwks_uri: "https://issuer.contoso.com/workers/.well-known/jwks.json",
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [alg],
    });
    const source = fromPrivateKey({ ...options(), key: privateKey });
    const [first, second] = [await source(), await source()];
    const currentDate = new Date(NOW);
    const verification = { issuer: ISSUER, audience: AUDIENCE, subject: "my-worker", algorithms: [alg], currentDate };
    const keys = createLocalJWKSet(jwks as unknown as Parameters<typeof createLocalJWKSet>[0]);
    const { payload, protectedHeader } = await jwtVerify(first, keys, verification);
    assert.deepEqual(protectedHeader, { alg, typ: "JWT", kid: "2030-01" });
    assert.deepEqual(
      [payload.iat, payload.nbf, payload.exp],
      [NOW - 30_000, NOW - 30_000, NOW + 300_000].map((ms) => ms / 1000),
    );
    assert.notEqual((await jwtVerify(second, keys, verification)).payload.jti, payload.jti);
  });
}

test("a function may sign", async () => {
  const { privateKey, publicKey } = await generate();
  const key = async (data: Uint8Array) =>
    new Uint8Array(
      await crypto.subtle.sign("RSASSA-PKCS1-v1_5", privateKey, data as Uint8Array<ArrayBuffer>),
    );
  const jwt = await fromPrivateKey({ ...options(), key })();
  await jwtVerify(jwt, publicKey, { currentDate: new Date(NOW), algorithms: ["RS256"] });
  const cause = new Error("The vault is down");
  const error = await failureOf(fromPrivateKey({ ...options(), key: () => Promise.reject(cause) })());
  assert.deepEqual([error.name, error.cause], ["AuthenticationError", cause]);
  assert.ok(error.message.endsWith(": The key cannot sign: The vault is down"), error.message);
  for (const signature of [undefined, "c2lnbmF0dXJl", 7, {}]) {
    const other = await failureOf(fromPrivateKey({ ...options(), key: () => signature as never })());
    assert.match(String(other.cause), /^TypeError: The function "key" must return a Uint8Array/);
  }
});

test("the documents contain only the public members of a key, even if it is a private key", async () => {
  const { privateKey } = await generate();
  const { jwks } = await issuerDocuments(ISSUER, [{ keyId: "1", publicKey: privateKey }]);
  assert.deepEqual(Object.keys(jwks.keys[0]!), ["kty", "n", "e", "use", "alg", "kid"]);
});

test("an app trusts the issuer", async () => {
  const { privateKey, publicKey } = await generate();
  const { jwks } = await issuerDocuments(ISSUER, [{ keyId: "2030-01", publicKey }]);
  const federatedCredentials = [{ issuer: ISSUER, subject: "my-worker", jwks }];
  const now = () => NOW;
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, federatedCredentials }], now });
  const source = fromPrivateKey({ ...options(), key: privateKey });
  const credential = new ClientAssertionCredential(TENANT, CLIENT, source, {
    ...isolatedOptions(entra),
    runtime: { now },
  });
  assert.equal((await entra.verify((await credential.getToken(SCOPE)).token)).appid, CLIENT);
});

test("wrong options are TypeErrors that name them", async () => {
  const { privateKey } = await generate();
  const ec = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const all = { ...options(), key: privateKey };
  for (
    const [wrong, says] of [
      [{ issuer: "http://issuer.contoso.com" }, /Option "issuer" must be a URL with "https:"/],
      [{ issuer: "https://issuer.contoso.com/?x" }, /Option "issuer" must be a URL/],
      [{ subject: "" }, /Option "subject" must be a non-empty string/],
      [{ keyId: "" }, /Option "keyId" must be a non-empty string/],
      [{ key: (ec as CryptoKeyPair).privateKey }, /must be a CryptoKey for RSASSA-PKCS1-v1_5 or RSA-PSS/],
      [{ key: {} as CryptoKey }, /must be a CryptoKey/],
    ] as const
  ) {
    assert.throws(() => fromPrivateKey({ ...all, ...wrong }), (error: Error) => {
      return error.name === "TypeError" && says.test(error.message);
    });
  }
});
