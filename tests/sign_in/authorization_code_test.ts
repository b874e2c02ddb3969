import { AuthorizationCodeCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADA,
  BOB,
  byCode,
  codeFor,
  createScene,
  grantsOf,
  GRAPH,
  optionsOf,
  ownerOf,
  REDIRECT_URI,
  SECRET,
  settle,
  VAULT,
  WEB_APP,
} from "../support/sign_in/people.ts";
import { CLIENT, failureOf, TENANT } from "../support/service.ts";

// RFC 7636, appendix B.
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = { code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256" };

test("an app with a secret sends it when it redeems the code and refreshes the token", async () => {
  const scene = createScene();
  const code = await codeFor(scene, { client_id: WEB_APP });
  const credential = new AuthorizationCodeCredential(TENANT, WEB_APP, SECRET, code, REDIRECT_URI, optionsOf(scene));
  const { token } = await credential.getToken(GRAPH);
  const { upn, appidacr } = await scene.entra.verify(token);
  assert.deepEqual([upn, appidacr], [ADA, "1"]);
  await credential.getToken(VAULT);
  const forms = scene.entra.requests.map(({ form }) => form).filter(({ grant_type }) => grant_type);
  assert.deepEqual(forms.map((form) => form.client_secret), [SECRET, SECRET]);
  assert.deepEqual([forms[0]!.code, forms[0]!.redirect_uri], [code, REDIRECT_URI]);
});

test("a code with a code challenge is redeemed only with its code verifier", async () => {
  for (const [codeVerifier, outcome] of [[VERIFIER, "good"], [undefined, "bad"], [`${VERIFIER}x`, "bad"]] as const) {
    const scene = createScene();
    const code = await codeFor(scene, CHALLENGE);
    const options = { ...optionsOf(scene), codeVerifier };
    const pending = new AuthorizationCodeCredential(TENANT, CLIENT, code, REDIRECT_URI, options).getToken(GRAPH);
    if (outcome === "good") assert.equal(await ownerOf(scene, await pending), ADA);
    else {
      const error = await failureOf(pending);
      assert.equal(error.name, "AuthenticationError");
      assert.match(error.message, /AADSTS501481/);
      assert.ok(!error.message.includes(code) && !error.message.includes(VERIFIER));
    }
  }
});

test("a code that was already redeemed is rejected with an error that says so", async () => {
  const scene = createScene();
  const code = await codeFor(scene);
  const create = () => new AuthorizationCodeCredential(TENANT, CLIENT, code, REDIRECT_URI, optionsOf(scene));
  await create().getToken(GRAPH);
  const error = await failureOf(create().getToken(GRAPH));
  assert.deepEqual([error.name, error.statusCode], ["AuthenticationError", 400]);
  assert.match(error.message, /^AuthorizationCodeCredential: .*AADSTS54005/);
  assert.ok(!error.message.includes(code));
});

test("a code is redeemed by a later call after an outage", async () => {
  const scene = createScene();
  const credential = await byCode(scene);
  scene.entra.failNext({ status: 503 }, 4);
  assert.equal((await failureOf(settle(credential.getToken(GRAPH), scene))).statusCode, 503);
  assert.equal(await ownerOf(scene, await credential.getToken(GRAPH)), ADA);
});

test("two codes are for two accounts", async () => {
  const scene = createScene();
  const cache = new Map();
  const adas = await byCode(scene, { cache });
  scene.visitor = BOB;
  const bobs = await byCode(scene, { cache });
  assert.equal(await ownerOf(scene, await adas.getToken(GRAPH)), ADA);
  assert.equal(await ownerOf(scene, await bobs.getToken(GRAPH)), BOB);
  assert.equal(await ownerOf(scene, await adas.getToken(GRAPH)), ADA);
});

test("a credential without a getToken call sends nothing", async () => {
  const scene = createScene();
  await byCode(scene);
  assert.deepEqual(grantsOf(scene), []);
});

test("the redirect URI may have the scheme of a native app", () => {
  for (const redirectUri of ["msal://auth", "urn:ietf:wg:oauth:2.0:oob", "http://localhost:3000/signed-in"]) {
    new AuthorizationCodeCredential(TENANT, CLIENT, "a-code", redirectUri);
  }
});

test("the constructor throws a TypeError for invalid arguments and does not repeat their values", () => {
  const Credential = AuthorizationCodeCredential as unknown as new (...rest: unknown[]) => unknown;
  for (
    const [name, args] of [
      ["tenantId", ["a/b", CLIENT, "hush", REDIRECT_URI]],
      ["clientId", [TENANT, "", "hush", REDIRECT_URI]],
      ["authorizationCode", [TENANT, CLIENT, " ", REDIRECT_URI]],
      ["redirectUri", [TENANT, CLIENT, "hush", ""]],
      ["redirectUri", [TENANT, CLIENT, "hush"]],
      ["redirectUri", [TENANT, CLIENT, "hush", "/signed-in"]],
      ["redirectUri", [TENANT, CLIENT, "hush", "my.app/signed-in"]],
      ["redirectUri", [TENANT, CLIENT, "hush", "1.hush-the-code", "signed-in"]],
      // The redirect URI is missing after the secret and the code.
      ["redirectUri", [TENANT, CLIENT, "hush", "1.hush-the-code"]],
      ["redirectUri", [TENANT, CLIENT, "hush", "1.hush-the-code", undefined, {}]],
      ["redirectUri", [TENANT, CLIENT, "hush", "1.hush-the-code", {}]],
      ["clientSecret", [TENANT, CLIENT, "", "hush", REDIRECT_URI]],
      ["options", [TENANT, CLIENT, "hush", REDIRECT_URI, null]],
      ["codeVerifier", [TENANT, CLIENT, "hush", REDIRECT_URI, { codeVerifier: "" }]],
    ] as const
  ) {
    assert.throws(() => new Credential(...args), (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.ok(error.message.includes(name), `${name}: ${error.message}`);
      return !error.message.includes("hush");
    });
  }
});
