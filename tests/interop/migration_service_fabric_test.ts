// Runs on: deno, node
// A row of docs/migration.md. It has its own process, because MSAL caches the kind of machine that it detects first.
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import { createServiceFabricNode } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSelfSigned } from "../support/certificates/self_signed.ts";
import { serveHttps } from "../support/https_server.ts";
import { withEnv } from "../support/interop/side_by_side.ts";

const SCOPE = "https://vault.azure.net/.default";

test("certificate of Service Fabric", async () => {
  const { certificate, key, thumbprint } = await createSelfSigned();
  const machine = createServiceFabricNode({ thumbprint });
  const server = await serveHttps(machine.handle, { cert: certificate, key });
  machine.env.IDENTITY_ENDPOINT = `${server.url}/metadata/identity/oauth2/token`;
  try {
    await withEnv({ ...machine.env }, async () => {
      const theirCredential = new theirs.ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } });
      await assert.rejects(theirCredential.getToken(SCOPE), { name: "CredentialUnavailableError" });
      assert.equal(machine.requests.length, 0);
      const { token } = await new ours.ManagedIdentityCredential().getToken(SCOPE);
      assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
    });
  } finally {
    await server.close();
  }
});
