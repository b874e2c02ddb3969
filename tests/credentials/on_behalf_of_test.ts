// A middle-tier API that acts on behalf of the users who call it.
import { type CredentialOptions, OnBehalfOfCredential, type OnBehalfOfCredentialOptions } from "@azweb/identity";
import { createEntra, createFakeClock, type Entra, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { publicKeys, signAssertion } from "../support/certificates/assertion.ts";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { ADA, BOB, GRAPH, OTHER_TENANT, ownerOf, VAULT } from "../support/sign_in/people.ts";
import { CLIENT, failureOf, isolatedOptions, TENANT } from "../support/service.ts";

const FRONT = "a-front-end";
const SECRET = "a-secret";
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
const FOREIGN = { iss: "https://issuer.example", sub: "a-workload", aud: "api://AzureADTokenExchange" };

interface Scene {
  readonly entra: Entra;
  readonly clock: FakeClock;
}

async function createScene(): Promise<Scene> {
  const clock = createFakeClock();
  const federated = { issuer: FOREIGN.iss, subject: FOREIGN.sub, jwks: await publicKeys("a-key") };
  const proofs = { secrets: [SECRET], certificates: [CERTIFICATE], federatedCredentials: [federated] };
  const entra = createEntra({
    apps: [
      { tenantId: TENANT, clientId: FRONT },
      { tenantId: TENANT, clientId: CLIENT, ...proofs },
      { tenantId: TENANT, clientId: "another-app", secrets: [SECRET] },
      { tenantId: TENANT, clientId: "another-middle-tier", secrets: [SECRET], identifierUris: [`api://${CLIENT}`] },
      { tenantId: OTHER_TENANT, clientId: CLIENT, ...proofs },
    ],
    users: [ADA, BOB].map((username) => ({ tenantId: TENANT, username, password: "a-password" })),
    now: clock.now,
  });
  return { entra, clock };
}

/** Returns the access token with which a user calls the middle tier. */
async function callOf({ entra }: Scene, username: string): Promise<string> {
  const form = { grant_type: "password", client_id: FRONT, username, password: "a-password" };
  const response = await entra.fetch(`https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ ...form, scope: `api://${CLIENT}/access` }),
  });
  entra.requests.length = 0;
  return (await response.json()).access_token;
}

type Way = (options: CredentialOptions) => Record<string, unknown>;

/** The app's client authentication methods. */
const WAYS: Readonly<Record<string, Way>> = {
  "a secret": () => ({ clientSecret: SECRET }),
  "a certificate": ({ runtime }) => ({
    certificatePath: "/app.pem",
    runtime: { ...runtime, readTextFile: () => Promise.resolve(CERTIFICATE + KEY) },
  }),
  "an assertion": ({ runtime }) => ({
    getAssertion() {
      const seconds = Math.floor(runtime!.now!() / 1000);
      return signAssertion({ ...FOREIGN, iat: seconds, exp: seconds + 300 }, { alg: "RS256", kid: "a-key" });
    },
  }),
};

function create(
  { entra, clock }: Scene,
  userAssertionToken: string,
  more: Partial<OnBehalfOfCredentialOptions> = {},
  way: Way = WAYS["a secret"]!,
): OnBehalfOfCredential {
  const options = isolatedOptions(entra, clock);
  const all = { ...options, tenantId: TENANT, clientId: CLIENT, userAssertionToken, ...way(options), ...more };
  return new OnBehalfOfCredential(all as OnBehalfOfCredentialOptions);
}

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: acquires a token of the calling user and caches it for that user's assertion`, async () => {
    const scene = await createScene();
    const call = await callOf(scene, ADA);
    const credential = create(scene, call, {}, way);
    const first = await credential.getToken(GRAPH);
    const { upn, appid, aud, appidacr } = await scene.entra.verify(first.token);
    assert.deepEqual([upn, appid, aud], [ADA, CLIENT, "https://graph.microsoft.com"]);
    assert.equal(appidacr, name === "a secret" ? "1" : "2");
    assert.equal(await credential.getToken(GRAPH), first);
    await credential.getToken(VAULT);
    assert.equal(scene.entra.requests.length, 2);
    const { form } = scene.entra.requests[0]!;
    assert.deepEqual([form.grant_type, form.assertion, form.requested_token_use, form.scope], [
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      call,
      "on_behalf_of",
      GRAPH,
    ]);
  });

  test(`${name}: two users never share a token, even with the same options and cache`, async () => {
    const scene = await createScene();
    const cache = new Map();
    const calls = await Promise.all([ADA, BOB].map((username) => callOf(scene, username)));
    for (let round = 0; round < 2; round++) {
      const credentials = calls.map((call) => create(scene, call, { cache }, way));
      const tokens = await Promise.all(credentials.map((credential) => credential.getToken(GRAPH)));
      assert.deepEqual(await Promise.all(tokens.map((token) => ownerOf(scene, token))), [ADA, BOB]);
    }
  });
}

test("a new credential for the same assertion uses the cached token; one for a later assertion of the user sends a request", async () => {
  const scene = await createScene();
  const call = await callOf(scene, ADA);
  const tokens = await Promise.all(Array.from({ length: 50 }, () => create(scene, call).getToken(GRAPH)));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(scene.entra.requests.length, 1);
  const later = await callOf(scene, ADA);
  assert.notEqual((await create(scene, later).getToken(GRAPH)).token, tokens[0]!.token);
  assert.equal(scene.entra.requests.length, 1);
});

test("a credential with another secret, app or authentication method does not find the token", async () => {
  const scene = await createScene();
  const call = await callOf(scene, ADA);
  await create(scene, call).getToken(GRAPH);
  assert.match((await failureOf(create(scene, call, { clientSecret: "guess" }).getToken(GRAPH))).message, /7000215/);
  const another = await create(scene, call, { clientId: "another-middle-tier" }).getToken(GRAPH);
  assert.equal((await scene.entra.verify(another.token)).appid, "another-middle-tier");
  await create(scene, call, {}, WAYS["a certificate"]).getToken(GRAPH);
  assert.equal(scene.entra.requests.length, 4);
});

test("neither cache keys nor cached values contain the user's assertion", async () => {
  const scene = await createScene();
  const call = await callOf(scene, ADA);
  const cache = new Map();
  await create(scene, call, { cache }).getToken(GRAPH);
  assert.equal(cache.size, 1);
  const text = JSON.stringify([...cache]);
  // The header is the same for every token.
  for (const part of [...call.split(".").slice(1), SECRET]) assert.ok(!text.includes(part));
});

test("a call with claims sends a token request, and its token replaces the cached one", async () => {
  const scene = await createScene();
  const credential = create(scene, await callOf(scene, ADA));
  const first = await credential.getToken(GRAPH);
  const second = await credential.getToken(GRAPH, { claims: CLAIMS });
  assert.notEqual(second.token, first.token);
  assert.equal(await credential.getToken(GRAPH), second);
  assert.equal(scene.entra.requests[1]!.form.claims, CLAIMS);
});

test("the error contains the claims challenge, which the app can forward to its client", async () => {
  const scene = await createScene();
  const credential = create(scene, await callOf(scene, ADA));
  scene.entra.failNext({ code: 50079, claims: CLAIMS });
  const error = await failureOf(credential.getToken(GRAPH));
  assert.deepEqual([error.name, error.claims], ["AuthenticationError", CLAIMS]);
  assert.equal((error.errorResponse as { error: string }).error, "interaction_required");
});

for (
  const [name, spoil, code] of [
    ["changed", (call: string) => `${call.slice(0, -8)}AAAAAAAA`, 50013],
    ["not a JWT", () => "nothing", 50013],
  ] as const
) {
  test(`a user's token that is ${name} is rejected, and the error does not contain it`, async () => {
    const scene = await createScene();
    const call = spoil(await callOf(scene, ADA));
    const error = await failureOf(create(scene, call).getToken(GRAPH));
    assert.match(error.message, new RegExp(`^OnBehalfOfCredential: .*AADSTS${code}`));
    assert.ok(call === "nothing" || !error.message.includes(call));
  });
}

test("an expired user's token cannot be exchanged, but tokens from an earlier exchange are used until they expire", async () => {
  const scene = await createScene();
  const credential = create(scene, await callOf(scene, ADA));
  await scene.clock.advance(1_800_000);
  const token = await credential.getToken(GRAPH);
  await scene.clock.advance(1_800_000);
  assert.equal(await credential.getToken(GRAPH), token);
  assert.match((await failureOf(credential.getToken(VAULT))).message, /AADSTS500133/);
});

test("a user's token for another API is rejected: the error says which token to send", async () => {
  const scene = await createScene();
  const call = await callOf(scene, ADA);
  const { message } = await failureOf(create(scene, call, { clientId: "another-app" }).getToken(GRAPH));
  assert.match(
    message,
    /AADSTS500131\)\. .*… Send the unmodified token that was issued for this app$/,
  );
});

test("a request for another tenant is sent if that tenant is allowed, and otherwise fails before any request", async () => {
  const scene = await createScene();
  const call = await callOf(scene, ADA);
  const error = await failureOf(create(scene, call).getToken(GRAPH, { tenantId: OTHER_TENANT }));
  assert.equal(error.name, "AuthenticationError");
  assert.equal(scene.entra.requests.length, 0);
  await failureOf(
    create(scene, call, { additionallyAllowedTenants: ["*"] }).getToken(GRAPH, { tenantId: OTHER_TENANT }),
  );
  assert.equal(scene.entra.requests[0]!.path, `/${OTHER_TENANT}/oauth2/v2.0/token`);
});

test("the constructor throws a TypeError for invalid options and does not repeat their values", () => {
  const good = { tenantId: TENANT, clientId: CLIENT, userAssertionToken: "hush", clientSecret: "hush" };
  for (
    const [name, options] of [
      ["tenantId", { ...good, tenantId: "common" }],
      ["clientId", { ...good, clientId: "" }],
      ["userAssertionToken", { ...good, userAssertionToken: undefined }],
      ['without "Bearer "', { ...good, userAssertionToken: "Bearer hush" }],
      ['without "Bearer "', { ...good, userAssertionToken: "bearer  hush" }],
      ["exactly one of", { ...good, clientSecret: undefined }],
      ["exactly one of", { ...good, certificatePath: "/hush.pem" }],
      ["exactly one of", { ...good, getAssertion: () => Promise.resolve("hush") }],
      ["clientSecret", { ...good, clientSecret: "" }],
      ["getAssertion", { ...good, clientSecret: undefined, getAssertion: "hush" }],
      ["certificatePath", { ...good, clientSecret: undefined, certificatePath: 7 }],
      ["options", null],
    ] as const
  ) {
    assert.throws(() => new OnBehalfOfCredential(options as never), (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.ok(error.message.includes(name), `${name}: ${error.message}`);
      return !error.message.includes("hush");
    });
  }
});
