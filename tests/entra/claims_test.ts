import { ChainedTokenCredential, ClientSecretCredential, type GetTokenOptions } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const CP1 = { access_token: { xms_cc: { values: ["cp1"] } } };
const CHALLENGE = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

/** Returns the parameter `claims` of a call's token request. */
async function sentFor(options: GetTokenOptions): Promise<unknown> {
  const service = createService();
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service)).getToken(SCOPE, options);
  const { claims } = service.requests[0]!.form;
  return claims === undefined ? undefined : JSON.parse(claims);
}

test("a call without claims and CAE sends no claims", async () => {
  assert.equal(await sentFor({}), undefined);
  for (const claims of ["", " ", "\n\t "]) assert.equal(await sentFor({ claims }), undefined);
  assert.equal(await sentFor({ enableCae: false }), undefined);
});

test("claims are sent unchanged", async () => {
  assert.deepEqual(await sentFor({ claims: CHALLENGE }), JSON.parse(CHALLENGE));
});

test("enableCae sends the capability to handle claims challenges", async () => {
  assert.deepEqual(await sentFor({ enableCae: true }), CP1);
});

for (
  const [claims, merged] of [
    [{}, CP1],
    [{ id_token: { auth_time: null } }, { id_token: { auth_time: null }, ...CP1 }],
    [
      { access_token: { nbf: { essential: true, value: "1" } } },
      { access_token: { nbf: { essential: true, value: "1" }, ...CP1.access_token } },
    ],
    [{ access_token: { xms_cc: { values: ["other"] } } }, CP1],
    [{ access_token: null }, CP1],
    [{ access_token: [] }, CP1],
    [{ access_token: "x" }, CP1],
  ] as const
) {
  const text = JSON.stringify(claims);
  test(`enableCae with the claims ${text} sends ${JSON.stringify(merged)}`, async () => {
    assert.deepEqual(await sentFor({ claims: text, enableCae: true }), merged);
  });
}

test("a claim named __proto__ is sent as any other claim", async () => {
  const claims = '{"access_token":{"__proto__":{"essential":true}}}';
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  await credential.getToken(SCOPE, { claims, enableCae: true });
  assert.match(service.requests[0]!.form.claims!, /"__proto__":\{"essential":true\}/);
  assert.equal(({} as { essential?: unknown }).essential, undefined);
});

test("tokens with and without CAE are cached separately", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(entra));
  const plain = await credential.getToken(SCOPE);
  const cae = await credential.getToken(SCOPE, { enableCae: true });
  assert.equal((await entra.verify(plain.token)).xms_cc, undefined);
  assert.deepEqual((await entra.verify(cae.token)).xms_cc, ["cp1"]);
  assert.equal((await credential.getToken(SCOPE)).token, plain.token);
  assert.equal((await credential.getToken(SCOPE, { enableCae: true })).token, cae.token);
  assert.equal(entra.requests.length, 2);
});

test("a replaced token is replaced for equal credentials too, even if they returned the previous one several times", async () => {
  const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
  const options = isolatedOptions(service);
  const [one, other] = [1, 2].map(() => new ClientSecretCredential(TENANT, CLIENT, "a-secret", options)) as [
    ClientSecretCredential,
    ClientSecretCredential,
  ];
  for (let i = 0; i < 3; i++) {
    for (const credential of [one, other]) assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  }
  await other.getToken(SCOPE, { claims: CHALLENGE });
  for (const credential of [one, other]) assert.equal((await credential.getToken(SCOPE)).token, "token-1");
  assert.equal(service.requests.length, 2);
});

test("a call with claims never returns a cached token; its token replaces the cached one", async () => {
  for (const enableCae of [false, true]) {
    const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
    const tokenFor = async (options: GetTokenOptions) =>
      (await credential.getToken(SCOPE, { enableCae, ...options })).token;
    assert.equal(await tokenFor({}), "token-0");
    assert.equal(await tokenFor({ claims: CHALLENGE }), "token-1");
    assert.equal(await tokenFor({}), "token-1");
    assert.equal(await tokenFor({ claims: CHALLENGE }), "token-2");
    assert.equal(await tokenFor({}), "token-2");
    assert.deepEqual(service.requests.map(({ form }) => (form.claims ?? "").includes("1700000000")), [
      false,
      true,
      true,
    ]);
  }
});

test("claims of white space count as none: the cached token is returned", async () => {
  const service = createService();
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (const claims of [undefined, " ", "\n"]) await credential.getToken(SCOPE, { claims });
  await new ChainedTokenCredential(credential).getToken(SCOPE, { claims: " " });
  assert.equal(service.requests.length, 1);
});

test("claims for a token with CAE do not replace the token without CAE", async () => {
  const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  await credential.getToken(SCOPE);
  await credential.getToken(SCOPE, { enableCae: true, claims: CHALLENGE });
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  assert.equal((await credential.getToken(SCOPE, { enableCae: true })).token, "token-1");
});

test("a failed call with claims does not change the cached token", async () => {
  const service = createService((_, index) =>
    index === 1 ? jsonAnswer({ error: "interaction_required", claims: CHALLENGE }, { status: 400 }) : tokenAnswer()
  );
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  await credential.getToken(SCOPE);
  const error = await failureOf(credential.getToken(SCOPE, { claims: CHALLENGE }));
  assert.equal(error.name, "AuthenticationError");
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  assert.equal(service.requests.length, 2);
});

test("the error contains the claims challenge of the service", async () => {
  const service = createService(() =>
    jsonAnswer({ error: "interaction_required", claims: CHALLENGE }, { status: 400 })
  );
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  assert.equal((await failureOf(credential.getToken(SCOPE))).claims, CHALLENGE);
});

test("the error omits claims that are not a string", async () => {
  for (const claims of [7, null, {}, [], true]) {
    const service = createService(() => jsonAnswer({ error: "interaction_required", claims }, { status: 400 }));
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
    assert.equal("claims" in await failureOf(credential.getToken(SCOPE)), false);
  }
});
