import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ClientSecretCredential } from "@azweb/identity";
import { type AzureFetch, withAzureAuth } from "@azweb/identity/fetch";
import { createRuntime } from "@azweb/identity/runtime";
import { createEntra } from "@azweb/identity/testing";
import { AzureOpenAI } from "openai";
import { writeCertificates } from "../support/certificates/certificate_authority.ts";
import { startAzurite } from "../support/interop/azurite.ts";
import { createChatCompletions } from "../support/interop/chat_completions.ts";
import { createKeyVault, type KeyVaultOptions } from "../support/interop/key_vault.ts";

const CONTOSO = "11111111-2222-3333-4444-555555555555";
const FABRIKAM = "99999999-8888-7777-6666-555555555555";
const VAULT = "https://contoso.vault.azure.net/secrets/one?api-version=7.4";

const entra = createEntra({
  apps: [CONTOSO, FABRIKAM].map((tenantId) => ({ tenantId, clientId: "app", secrets: ["a-secret"] })),
});

function credentialOf(additionallyAllowedTenants: string[] = []): ClientSecretCredential {
  return new ClientSecretCredential(CONTOSO, "app", "a-secret", {
    env: {},
    fetch: entra.fetch,
    additionallyAllowedTenants,
  });
}

describe("withAzureAuth, against Azurite", () => {
  const stops: (() => Promise<void>)[] = [];
  let blob: string;
  let queue: string;
  let azureFetch: AzureFetch;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "azweb-test-"));
    stops.push(() => rm(folder, { recursive: true }));
    const { authorityPath, ...paths } = await writeCertificates(folder, ["localhost"]);
    const services = await Promise.all((["blob", "queue"] as const).map((service) => {
      return startAzurite({ ...paths, folder, service });
    }));
    stops.push(...services.map(({ stop }) => stop));
    [blob, queue] = services.map(({ url }) => url) as [string, string];
    azureFetch = withAzureAuth(credentialOf(), {
      scope: "https://storage.azure.com/.default",
      hosts: services.map(({ url }) => new URL(url).host),
      fetch: createRuntime().tlsFetch!({ ca: await readFile(authorityPath, "utf8") }),
    });
  });

  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  test("writes, lists, reads and deletes a blob", async () => {
    const put = (path: string, headers = {}, body?: string) =>
      azureFetch(blob + path, { method: "PUT", headers, ...body !== undefined && { body } });
    const container = await put("/demo?restype=container");
    assert.equal(container.status, 201, await container.text());
    const written = await put("/demo/hello.txt", { "x-ms-blob-type": "BlockBlob" }, "Hello");
    assert.equal(written.status, 201, await written.text());
    assert.match(
      await (await azureFetch(`${blob}/demo?restype=container&comp=list`)).text(),
      /<Name>hello\.txt<\/Name>/,
    );
    const read = await azureFetch(`${blob}/demo/hello.txt`);
    assert.deepEqual([read.status, await read.text()], [200, "Hello"]);
    assert.equal((await azureFetch(`${blob}/demo/hello.txt`, { method: "DELETE" })).status, 202);
    const gone = await azureFetch(`${blob}/demo/hello.txt`);
    assert.deepEqual([gone.status, gone.headers.get("x-ms-error-code")], [404, "BlobNotFound"]);
    await gone.text();
  });

  test("sends and receives a message of a queue", async () => {
    const created = await azureFetch(`${queue}/demo`, { method: "PUT" });
    assert.equal(created.status, 201, await created.text());
    const body = "<QueueMessage><MessageText>Hello</MessageText></QueueMessage>";
    const sent = await azureFetch(`${queue}/demo/messages`, { method: "POST", body });
    assert.equal(sent.status, 201, await sent.text());
    assert.match(await (await azureFetch(`${queue}/demo/messages`)).text(), /<MessageText>Hello<\/MessageText>/);
  });
});

describe("withAzureAuth, with the challenges of a key vault", () => {
  function connect(tenants: string[], options: Partial<KeyVaultOptions> = {}) {
    const vault = createKeyVault({ tenantId: CONTOSO, verify: entra.verify, ...options });
    let requests = 0;
    const azureFetch = withAzureAuth(credentialOf(tenants), {
      fetch(input, init) {
        requests++;
        return vault(new Request(input, init));
      },
    });
    const put = () => azureFetch(VAULT, { method: "PUT", body: JSON.stringify({ value: "a-value" }) });
    return { azureFetch, put, requests: () => requests };
  }

  test("writes and reads a secret of a vault in the credential's tenant, with one request each", async () => {
    const { azureFetch, put, requests } = connect([]);
    assert.equal((await put()).status, 200);
    assert.equal((await (await azureFetch(VAULT)).json()).value, "a-value");
    assert.equal(requests(), 2);
  });

  test("requests a token of the vault's tenant once, if the credential allows it", async () => {
    const { azureFetch, put, requests } = connect([FABRIKAM], { tenantId: FABRIKAM });
    assert.equal((await put()).status, 200);
    assert.equal((await azureFetch(VAULT)).status, 200);
    assert.equal(requests(), 3);
  });

  test("rejects if the credential does not allow the vault's tenant", async () => {
    const { put, requests } = connect([], { tenantId: FABRIKAM });
    await assert.rejects(put(), /Cannot get a token from tenant "99999999-.*Add the other tenant/);
    assert.equal(requests(), 1);
  });

  test("requests a token with the claims that the vault requires", async () => {
    const { azureFetch, put, requests } = connect([], { claims: '{"access_token":{"nbf":{"essential":true}}}' });
    assert.equal((await put()).status, 200);
    assert.equal((await azureFetch(VAULT)).status, 200);
    assert.equal((await azureFetch(VAULT)).status, 200);
    assert.equal(requests(), 4);
  });

  test("returns the 401 of a vault whose challenge is for another resource", async () => {
    const { put, requests } = connect([FABRIKAM], { tenantId: FABRIKAM, resource: "https://vault.azure.cn" });
    assert.equal((await put()).status, 401);
    assert.equal(requests(), 1);
  });
});

test("the package openai can use withAzureAuth as its fetch", async () => {
  const model = createChatCompletions({ deployment: "our-model", verify: entra.verify });
  const client = new AzureOpenAI({
    endpoint: "https://my-resource.openai.azure.com",
    apiKey: "unused",
    deployment: "our-model",
    apiVersion: "2024-10-21",
    fetch: withAzureAuth(credentialOf(), { fetch: (input, init) => model(new Request(input, init)) }),
  });
  const messages = [{ role: "user" as const, content: "What is a token?" }];
  const { choices } = await client.chat.completions.create({ model: "our-model", messages });
  assert.equal(choices[0]?.message.content, "You ask: What is a token?");
});
