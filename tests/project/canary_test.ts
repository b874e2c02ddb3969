// Every credential gets marked secrets and fails in every way. No mark may appear in the results.
import {
  AuthorizationCodeCredential,
  AzurePipelinesCredential,
  ClientSecretCredential,
  deserializeAuthenticationRecord,
  DeviceCodeCredential,
  EnvironmentCredential,
  InteractiveBrowserCredential,
  OnBehalfOfCredential,
  serializeAuthenticationRecord,
  UsernamePasswordCredential,
} from "@azweb/identity";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { test } from "node:test";
import { findSecret, SECRET, textsOf, TOKEN } from "../support/project/canary.ts";
import { credentialOutcomes } from "../support/project/canary_credentials.ts";
import { webSignInOutcomes } from "../support/project/canary_sign_in.ts";
import { toolOutcomes } from "../support/project/canary_tools.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT, tokenAnswer } from "../support/service.ts";

/** Values that leak a secret, to check the search itself. */
const LEAKS: Readonly<Record<string, () => unknown>> = {
  "in the message": () => new Error(`Cannot send ${SECRET}`),
  "in the stack": () => Object.assign(new Error("No"), { stack: `Error: ${SECRET}` }),
  "in half": () => new Error(SECRET.slice(0, 8)),
  "in form encoding": () => new Error(new URLSearchParams({ a: SECRET }).toString()),
  "in base64": () => new Error(btoa("x" + SECRET.slice(0, 10))),
  "in base64 with another offset": () => new Error(btoa("xy" + SECRET.slice(0, 10))),
  "in hexadecimal digits": () => new Error(Array.from(SECRET, (c) => c.charCodeAt(0).toString(16)).join("")),
  "in the cause of the cause": () => new Error("No", { cause: new Error("No", { cause: new Error(SECRET) }) }),
  "in errors": () => Object.assign(new Error("No"), { errors: [new Error("No"), new Error(SECRET)] }),
  "in a member that is not enumerable": () =>
    Object.defineProperty(new Error("No"), "response", { value: { body: SECRET } }),
  "in a member named by a symbol": () => Object.assign(new Error("No"), { [Symbol("body")]: SECRET }),
  "in the name of a member": () => ({ [SECRET]: 1 }),
  "in a map": () => Object.assign(new Error("No"), { headers: new Map([["a", SECRET]]) }),
  "in headers": () => Object.assign(new Error("No"), { headers: new Headers({ a: TOKEN }) }),
  "in a form": () => Object.assign(new Error("No"), { body: new URLSearchParams({ a: SECRET }) }),
  "in a getter": () => ({
    get secret() {
      return SECRET;
    },
  }),
  "in toJSON": () => ({ toJSON: () => SECRET }),
  "in toString": () => ({ toString: () => SECRET }),
  "in the source of a function": () => ({ log: () => "CANARY" }),
  "in the form of a line of a key": () => new Error("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
};

for (const [name, leak] of Object.entries(LEAKS)) {
  test(`the search finds a secret ${name}`, () => {
    const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n";
    assert.ok(findSecret(textsOf(leak()), [key]));
  });
}

test("the search finds nothing in values without a secret", () => {
  const plain = Object.assign(new Error("Cannot get a token", { cause: new TypeError("No") }), { statusCode: 401 });
  assert.equal(
    findSecret(textsOf([plain, new ClientSecretCredential(TENANT, CLIENT, "a-secret")]), ["another-secret"]),
    undefined,
  );
});

for (
  const [whose, outcomes, least] of [
    ["a credential", credentialOutcomes, 1300],
    ["a developer's tool", toolOutcomes, 90],
    ["a web app", webSignInOutcomes, "document" in globalThis ? 0 : 350],
  ] as const
) {
  test(`errors, log events, cache keys and pages of ${whose} contain no secret, assertion or token`, async () => {
    let count = 0;
    for await (const { name, visible, secrets } of outcomes()) {
      count++;
      assert.equal(findSecret(textsOf(visible), secrets), undefined, name);
    }
    assert.ok(count >= least, String(count));
  });
}

/** Constructor arguments, of which one is wrong: a secret that was passed by mistake. */
// deno-lint-ignore no-explicit-any
const WRONG: Readonly<Record<string, (wrong: any) => unknown>> = {
  "a tenant": (wrong) => new ClientSecretCredential(wrong, CLIENT, TENANT),
  "a secret": (wrong) => new ClientSecretCredential(TENANT, CLIENT, [wrong] as never, {}),
  "a secret in an object": (secret) => new ClientSecretCredential(TENANT, CLIENT, { secret } as never),
  "a tenant of a user": (wrong) => new UsernamePasswordCredential(wrong, CLIENT, "jo", "x"),
  "a password": (wrong) => new UsernamePasswordCredential(TENANT, CLIENT, "jo", [wrong] as never),
  "an authority with a user": () =>
    new ClientSecretCredential(TENANT, CLIENT, "x", { authorityHost: "https://user:CANARY@login.microsoftonline.com" }),
  "an authority": (authorityHost) => new ClientSecretCredential(TENANT, CLIENT, "x", { authorityHost }),
  "another tenant": (wrong) => new ClientSecretCredential(TENANT, CLIENT, "x", { additionallyAllowedTenants: [wrong] }),
  "a timeout": (timeoutInMs) => new ClientSecretCredential(TENANT, CLIENT, "x", { timeoutInMs }),
  "options": (wrong) => new ClientSecretCredential(TENANT, CLIENT, "x", wrong),

  "a tenant of a device code": (tenantId) => new DeviceCodeCredential({ tenantId }),
  "an app of a device code": (clientId) => new DeviceCodeCredential({ clientId: [clientId] as never }),
  "a callback of a device code": (userPromptCallback) => new DeviceCodeCredential({ userPromptCallback }),
  "a record": (authenticationRecord) => new DeviceCodeCredential({ authenticationRecord }),
  "a record of another tenant": (tenantId) =>
    new DeviceCodeCredential({ authenticationRecord: { ...RECORD, tenantId } }),
  "a redirect URI of a browser": (redirectUri) => new InteractiveBrowserCredential({ clientId: CLIENT, redirectUri }),
  "a user's name": (wrong) => new InteractiveBrowserCredential({ clientId: CLIENT, loginHint: [wrong] as never }),
  "a tenant of a code": (wrong) => new AuthorizationCodeCredential(wrong, CLIENT, SECRET, "https://my.app"),
  "a code": (wrong) => new AuthorizationCodeCredential(TENANT, CLIENT, [wrong] as never, "https://my.app"),
  "a redirect URI of a code": (wrong) => new AuthorizationCodeCredential(TENANT, CLIENT, SECRET, [wrong] as never),
  "a verifier": (wrong) =>
    new AuthorizationCodeCredential(TENANT, CLIENT, SECRET, "https://my.app", { codeVerifier: [wrong] as never }),
  "a user's token": (wrong) => new OnBehalfOfCredential({ ...CALL, userAssertionToken: [wrong] as never }),
  "a secret of a middle tier": (clientSecret) =>
    new OnBehalfOfCredential({ ...CALL, clientSecret: [clientSecret] as never }),
  "a certificate of a middle tier": (wrong) =>
    new OnBehalfOfCredential({ ...CALL, clientSecret: undefined, certificatePath: [wrong] } as never),
  "an assertion of a middle tier": (getAssertion) =>
    new OnBehalfOfCredential({ ...CALL, clientSecret: undefined, getAssertion } as never),
  "two client authentications of a middle tier": (wrong) =>
    new OnBehalfOfCredential({ ...CALL, certificatePath: wrong } as never),
  "a connection of Azure Pipelines": (wrong) => new AzurePipelinesCredential(TENANT, CLIENT, [wrong] as never, SECRET),
  "a token of Azure Pipelines": (wrong) => new AzurePipelinesCredential(TENANT, CLIENT, "a", [wrong] as never),
  "a serialized record": (wrong) => deserializeAuthenticationRecord(wrong),
  "a version of a record": (version) => deserializeAuthenticationRecord(JSON.stringify({ ...RECORD, version })),
  "a member of a record": (wrong) => deserializeAuthenticationRecord(JSON.stringify({ ...RECORD, username: [wrong] })),
  "a record to serialize": (wrong) => serializeAuthenticationRecord({ ...RECORD, tenantId: [wrong] } as never),

  "a secret of a web app": (wrong) => createWebSignIn({ ...WEB_APP, clientSecret: [wrong] as never }),
  "two client authentications of a web app": (wrong) =>
    createWebSignIn({ ...WEB_APP, clientSecret: wrong, clientCertificate: wrong }),
  "a certificate of a web app": (wrong) =>
    createWebSignIn({ ...WEB_APP, clientSecret: undefined, clientCertificate: [wrong] as never }),
  "an assertion of a web app": (getAssertion) => createWebSignIn({ ...WEB_APP, clientSecret: undefined, getAssertion }),
  "a sealing key": (sealingKey) => createWebSignIn({ ...WEB_APP, sealingKey }),
  "a short sealing key": () => createWebSignIn({ ...WEB_APP, sealingKey: btoa("CANARY") }),
  "a second sealing key": (wrong) => createWebSignIn({ ...WEB_APP, sealingKey: [WEB_APP.sealingKey, wrong] }),
  "a redirect URI of a web app": (redirectUri) => createWebSignIn({ ...WEB_APP, redirectUri }),
  "a redirect URI with a query": (wrong) => createWebSignIn({ ...WEB_APP, redirectUri: `https://my.app/?${wrong}` }),
  "a return path": (wrong) => createWebSignIn({ ...WEB_APP, returnPaths: [wrong] }),
  "a lifetime": (sessionLifetimeInMs) => createWebSignIn({ ...WEB_APP, sessionLifetimeInMs }),
};

const RECORD = { authority: "a", homeAccountId: "b", clientId: CLIENT, tenantId: TENANT, username: "jo" };
const CALL = { tenantId: TENANT, clientId: CLIENT, clientSecret: "x", userAssertionToken: "y" };
const WEB_APP = {
  ...{ tenantId: TENANT, clientId: CLIENT, clientSecret: "x", redirectUri: "https://my.app", scopes: "a" },
  sealingKey: btoa("1".repeat(32)),
};

for (const [name, make] of Object.entries(WRONG)) {
  test(`the error for a secret as ${name} does not contain it`, () => {
    assert.throws(() => make(SECRET), (error: Error) => {
      // Without the stack, which may quote the line of this file.
      assert.equal(error.name, "TypeError");
      assert.equal(findSecret([error.message, ...textsOf({ ...error })], []), undefined);
      return true;
    });
  });
}

test("the error for a secret as a redirect URI, which is checked at the first token, does not contain it", async () => {
  for (const redirectUri of [`https://my.app/?${encodeURIComponent(SECRET)}`, () => SECRET]) {
    const options = { ...isolatedOptions(createService()), clientId: CLIENT, redirectUri };
    const error = await failureOf(new InteractiveBrowserCredential(options).getToken(SCOPE));
    assert.equal(error.name, "TypeError");
    assert.equal(findSecret([error.message, ...textsOf({ ...error })], []), undefined);
  }
});

test("the error for a secret in the wrong variable does not contain it", async () => {
  const good = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "x" };
  for (
    const env of [
      { ...good, AZURE_TENANT_ID: SECRET },
      { ...good, AZURE_AUTHORITY_HOST: SECRET },
      { ...good, AZURE_AUTHORITY_HOST: "https://user:CANARY@login.microsoftonline.com" },
      { ...good, AZURE_ADDITIONALLY_ALLOWED_TENANTS: SECRET },
      { AZURE_CLIENT_SECRET: SECRET, AZURE_PASSWORD: SECRET },
    ]
  ) {
    const credential = new EnvironmentCredential({ ...isolatedOptions(createService()), env });
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(findSecret(textsOf(error), []), undefined);
  }
});

test("errors do not contain malformed claims or all of a long scope", async () => {
  const credential = new ClientSecretCredential(
    TENANT,
    CLIENT,
    "x",
    isolatedOptions(createService(() => tokenAnswer())),
  );
  const error = await failureOf(credential.getToken(SCOPE, { claims: `{"a": ${SECRET}` }));
  assert.equal(findSecret(textsOf(error), []), undefined);
  const long = await failureOf(credential.getToken(`\u00e9${"x".repeat(100_000)}`));
  assert.ok(long.message.length < 300);
});
