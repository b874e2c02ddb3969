// The first call that finds an identity in the environment selects it permanently, even if that call fails.
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
  test(`${name}: removing or changing variables after a failed call does not change the identity`, async () => {
    let isUp = false;
    const service = createService(() => isUp ? tokenAnswer() : jsonAnswer({ error: "server_error" }, { status: 500 }));
    const env: Record<string, string> = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, ...variables };
    const runtime = { readTextFile: () => Promise.resolve(federatedToken()) };
    const options = { ...isolatedOptions(service), env, runtime, retryOptions: { maxRetries: 0 } };
    const credential = new Credential(options);
    assert.equal((await failureOf(credential.getToken(SCOPE))).name, "AuthenticationError");
    for (const name of Object.keys(env)) delete env[name];
    env.AZURE_CLIENT_ID = "another-app";
    isUp = true;
    assert.equal((await credential.getToken(VAULT)).token, "a-token");
    assert.deepEqual(service.requests.map(({ form }) => form.client_id), [CLIENT, CLIENT]);
  });

  test(`${name}: variables that are set after a first call without variables are used, and later changes are ignored`, async () => {
    const service = createService(() => tokenAnswer());
    const env: Record<string, string> = {};
    const runtime = { readTextFile: () => Promise.resolve(federatedToken()) };
    const localFetch = () => Promise.reject(new TypeError("Unreachable"));
    const credential = new Credential({ ...isolatedOptions(service), localFetch, env, runtime });
    assert.equal((await failureOf(credential.getToken(SCOPE))).name, "CredentialUnavailableError");
    Object.assign(env, { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, ...variables });
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    env.AZURE_CLIENT_ID = "another-app";
    await credential.getToken(VAULT);
    assert.deepEqual(service.requests.map(({ form }) => form.client_id), [CLIENT, CLIENT]);
  });
}

test("if AZURE_AUTHORITY_HOST is set after a first call without variables, it is used instead of the public cloud", async () => {
  const service = createService(({ url }) =>
    url.startsWith("https://login.microsoftonline.us/")
      ? tokenAnswer()
      : jsonAnswer({ error: "unauthorized_client" }, { status: 400 })
  );
  const env: Record<string, string> = {};
  const localFetch = () => Promise.reject(new TypeError("Unreachable"));
  const credential = new DefaultAzureCredential({ ...isolatedOptions(service), env, localFetch });
  await failureOf(credential.getToken(SCOPE));
  Object.assign(env, {
    ...{ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret" },
    AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us",
  });
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  const origins = service.requests.map(({ url }) => new URL(url).origin);
  assert.deepEqual(origins, ["https://login.microsoftonline.us"]);
});

test("after a failed call with a secret, removing the secret does not make the chain use the account of the Azure CLI", async () => {
  const service = createService(() => jsonAnswer({ error: "server_error" }, { status: 500 }));
  const env: Record<string, string> = {
    ...{ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret", PATH: "/bin" },
  };
  const output = { accessToken: "of az", expires_on: Math.floor(Date.now() / 1000) + 3600 };
  const runtime = { run: () => Promise.resolve({ code: 0, stdout: JSON.stringify(output), stderr: "" }) };
  const localFetch = () => Promise.reject(new TypeError("Unreachable"));
  const retryOptions = { maxRetries: 0 };
  const credential = new DefaultAzureCredential({
    ...isolatedOptions(service),
    localFetch,
    env,
    runtime,
    retryOptions,
  });
  for (let call = 0; call < 2; call++) {
    assert.equal((await failureOf(credential.getToken(SCOPE))).name, "AuthenticationError");
    delete env.AZURE_CLIENT_SECRET;
  }
});

test("concurrent first calls share one request, also with a password", async () => {
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
