import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startAzurite } from "../support/interop/azurite.ts";
import { writeCertificates } from "../support/certificates/certificate_authority.ts";
import { type Ending, startModule, trust } from "../support/child.ts";
import { type EntraServer, startEntra } from "../support/entra_server.ts";

const tenantId = "11111111-2222-3333-4444-555555555555";

/** Applications by client id, with claims that their tokens have instead of the usual ones. */
const apps = {
  good: {},
  "another-audience": { aud: "https://vault.azure.net" },
  "another-issuer": { iss: `https://login.microsoftonline.com/${tenantId}/v2.0` },
  expired: { exp: 1_000_000_000 },
  "not-yet-valid": { nbf: 4_000_000_000 },
};

describe("@azure/storage-blob with DefaultAzureCredential, against Azurite", () => {
  const stops: (() => Promise<void>)[] = [];
  let entra: EntraServer;
  let env: Record<string, string>;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "azweb-test-"));
    stops.push(() => rm(folder, { recursive: true }));
    const paths = await writeCertificates(folder, ["localhost"]);
    const registered = Object.entries(apps).map(([clientId, claims]) => ({
      tenantId,
      clientId,
      secrets: ["the-secret"],
      claims,
    }));
    entra = await startEntra({ ...paths, entra: { apps: registered } });
    stops.push(entra.stop);
    const azurite = await startAzurite({ ...paths, folder });
    stops.push(azurite.stop);
    env = {
      ...trust(paths.authorityPath),
      AZURE_AUTHORITY_HOST: entra.url,
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_SECRET: "the-secret",
      STORAGE_URL: azurite.url,
    };
  });

  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  function storeABlob(clientId: keyof typeof apps, others: Record<string, string> = {}): Promise<Ending> {
    return startModule("interop/store_a_blob", { env: { ...env, AZURE_CLIENT_ID: clientId, ...others } }).ended;
  }

  test("stores a blob and reads it back, with one token request", async () => {
    const { code, stdout, stderr } = await storeABlob("good");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^DefaultAzureCredential uses EnvironmentCredential$/m);
    assert.match(stdout, /^The program downloaded the blob: the same 28 bytes$/m);
    assert.deepEqual(entra.requests, [`POST /${tenantId}/oauth2/v2.0/token 200`]);
  });

  for (const clientId of ["another-audience", "another-issuer", "expired", "not-yet-valid"] as const) {
    test(`fails if Azurite rejects the token: ${clientId}`, async () => {
      const { code, stderr } = await storeABlob(clientId);
      assert.equal(code, 1);
      assert.match(stderr, /^Cannot create a container: 403 AuthenticationFailed /m);
    });
  }

  test("fails with the token service's reason if the secret is wrong", async () => {
    const { code, stderr } = await storeABlob("good", { AZURE_CLIENT_SECRET: "wrong-secret" });
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot get a token: .*AADSTS7000215/m);
    assert.doesNotMatch(stderr, /wrong-secret/);
  });

  test("fails if the certificate authority is not trusted", async () => {
    const { code, stderr } = await storeABlob("good", trust(""));
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot get a token: /m);
  });
});
