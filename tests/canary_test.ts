// Marked secrets go into every credential, every credential fails in every way, and no mark may come out.
import { ClientSecretCredential, EnvironmentCredential, UsernamePasswordCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { findSecret, outcomes, SECRET, textsOf, TOKEN } from "./support/canary.ts";
import { CLIENT, createService, failureOf, isolatedOptions, SCOPE, TENANT, tokenAnswer } from "./support/service.ts";

/** Errors that leak, to see that the search finds it. */
const LEAKS: Readonly<Record<string, () => unknown>> = {
  "in the message": () => new Error(`Cannot send ${SECRET}`),
  "in the stack": () => Object.assign(new Error("No"), { stack: `Error: ${SECRET}` }),
  "in half": () => new Error(SECRET.slice(0, 8)),
  "in the form's spelling": () => new Error(new URLSearchParams({ a: SECRET }).toString()),
  "in base64": () => new Error(btoa("x" + SECRET.slice(0, 10))),
  "in base64 that begins elsewhere": () => new Error(btoa("xy" + SECRET.slice(0, 10))),
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
  "a key": () => new Error("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
};

for (const [name, leak] of Object.entries(LEAKS)) {
  test(`the search finds a secret ${name}`, () => {
    const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n";
    assert.ok(findSecret(textsOf(leak()), [key]));
  });
}

test("the search finds nothing where there is nothing", () => {
  const plain = Object.assign(new Error("Cannot get a token", { cause: new TypeError("No") }), { statusCode: 401 });
  assert.equal(
    findSecret(textsOf([plain, new ClientSecretCredential(TENANT, CLIENT, "a-secret")]), ["another-secret"]),
    undefined,
  );
});

test("no credential, error, log event or cache key shows a secret, an assertion or a token", async () => {
  let count = 0;
  for await (const { name, visible, secrets } of outcomes()) {
    count++;
    assert.equal(findSecret(textsOf(visible), secrets), undefined, name);
  }
  assert.ok(count > 700, String(count));
});

test("arguments in the wrong place are not repeated", () => {
  const wrong: readonly (() => unknown)[] = [
    () => new ClientSecretCredential(SECRET, CLIENT, TENANT),
    () => new ClientSecretCredential(TENANT, [SECRET] as never, "x"),
    () => new ClientSecretCredential(TENANT, CLIENT, { secret: SECRET } as never),
    () => new UsernamePasswordCredential(SECRET, CLIENT, "jo", "x"),
    () => new UsernamePasswordCredential(TENANT, CLIENT, "jo", [SECRET] as never),
    () =>
      new ClientSecretCredential(TENANT, CLIENT, "x", {
        authorityHost: `https://user:CANARY@login.microsoftonline.com`,
      }),
    () => new ClientSecretCredential(TENANT, CLIENT, "x", { authorityHost: SECRET }),
    () => new ClientSecretCredential(TENANT, CLIENT, "x", { additionallyAllowedTenants: [SECRET] }),
    () => new ClientSecretCredential(TENANT, CLIENT, "x", { timeoutInMs: SECRET as never }),
    () => new ClientSecretCredential(TENANT, CLIENT, "x", SECRET as never),
  ];
  for (const make of wrong) {
    try {
      make();
      assert.fail("It did not fail");
    } catch (error) {
      // A stack may quote the line of this file: only its first line counts, which is the message.
      const { name, message } = error as Error;
      assert.equal(name, "TypeError");
      assert.equal(findSecret([message, ...textsOf({ ...error as object })], []), undefined);
    }
  }
});

test("variables in the wrong place are not repeated", async () => {
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

test("scopes and claims are no secrets, and still no whole text comes back", async () => {
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
