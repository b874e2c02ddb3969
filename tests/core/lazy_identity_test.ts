// An identity that the environment configures is decided by the first token: until then, the variables are read again after a failure.
import {
  DefaultAzureCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import { federatedToken } from "../support/managed_identity/machine.ts";
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

const VAULT = "https://vault.azure.net/.default";

const CREDENTIALS = {
  EnvironmentCredential: [EnvironmentCredential, { AZURE_CLIENT_SECRET: "a-secret" }],
  WorkloadIdentityCredential: [WorkloadIdentityCredential, { AZURE_FEDERATED_TOKEN_FILE: "/token" }],
  ManagedIdentityCredential: [ManagedIdentityCredential, { AZURE_FEDERATED_TOKEN_FILE: "/token" }],
} as const;

for (const [name, [Credential, variables]] of Object.entries(CREDENTIALS)) {
  test(`${name}: a variable that is corrected after a failed call counts, until there is a token`, async () => {
    const service = createService(({ form }) =>
      form.client_id === "a-typo" ? jsonAnswer({ error: "unauthorized_client" }, { status: 400 }) : tokenAnswer()
    );
    const env: Record<string, string> = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "a-typo", ...variables };
    const runtime = { readTextFile: () => Promise.resolve(federatedToken()) };
    const credential = new Credential({ ...isolatedOptions(service), env, runtime });
    assert.match((await failureOf(credential.getToken(SCOPE))).message, /unauthorized_client/);
    env.AZURE_CLIENT_ID = CLIENT;
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    env.AZURE_CLIENT_ID = "another-app";
    await credential.getToken(VAULT);
    assert.deepEqual(service.requests.map(({ form }) => form.client_id), ["a-typo", CLIENT, CLIENT]);
  });
}

test("a cloud that the environment names after a failed call gets the request, not the public cloud", async () => {
  const variables = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret" };
  const cloud = { AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us" };
  for (
    const [first, second, expected] of [
      // Nothing is configured at first: the chain asks for a managed identity.
      [{}, { ...variables, ...cloud }, ["https://login.microsoftonline.us"]],
      // The app is unknown in the public cloud.
      [variables, cloud, ["https://login.microsoftonline.com", "https://login.microsoftonline.us"]],
    ] as const
  ) {
    const service = createService(({ url }) => {
      if (url.startsWith("https://login.microsoftonline.us/")) return tokenAnswer();
      return jsonAnswer({ error: "unauthorized_client" }, { status: 400 });
    });
    const env: Record<string, string> = { ...first };
    const localFetch = () => Promise.reject(new TypeError("Unreachable"));
    const credential = new DefaultAzureCredential({ ...isolatedOptions(service), env, localFetch });
    await failureOf(credential.getToken(SCOPE));
    Object.assign(env, second);
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    assert.deepEqual(service.requests.map(({ url }) => new URL(url).origin), expected);
  }
});

test("a call that was under way when another one decided the identity gets a token of that identity", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async ({ form }) => {
    if (form.client_id !== "a-typo") return tokenAnswer({ access_token: "of-the-app" });
    if (form.scope === SCOPE) return jsonAnswer({ error: "unauthorized_client" }, { status: 400 });
    await held;
    return tokenAnswer({ access_token: "of-another-app" });
  });
  const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "a-typo", AZURE_CLIENT_SECRET: "a-secret" };
  const credential = new EnvironmentCredential({ ...isolatedOptions(service), env });
  const pending = credential.getToken(VAULT);
  await failureOf(credential.getToken(SCOPE));
  env.AZURE_CLIENT_ID = CLIENT;
  assert.equal((await credential.getToken(SCOPE)).token, "of-the-app");
  release();
  assert.equal((await pending).token, "of-the-app");
});

test("concurrent first calls share one request, also by a password", async () => {
  const service = createService(() => tokenAnswer());
  const env = {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT,
    AZURE_USERNAME: "jo@contoso.com",
    AZURE_PASSWORD: "a",
  };
  const credential = new EnvironmentCredential({ ...isolatedOptions(service), env });
  await Promise.all(Array.from({ length: 100 }, () => credential.getToken(SCOPE)));
  assert.equal(service.requests.length, 1);
});
