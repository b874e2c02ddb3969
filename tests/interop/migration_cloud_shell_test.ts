// Runs on: deno, node
// A row of docs/migration.md. It has its own process, because MSAL caches the kind of machine that it detects first.
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import { createCloudShell } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpClientOf, withEnv } from "../support/interop/side_by_side.ts";

test("an identity that the source does not support", async () => {
  const machine = createCloudShell();
  await withEnv({ ...machine.env }, async () => {
    const options = { clientId: "an-id", httpClient: httpClientOf(machine.fetch) };
    assert.throws(() => new theirs.ManagedIdentityCredential(options), { name: "CredentialUnavailableError" });
    const credential = new ours.ManagedIdentityCredential({ clientId: "an-id", ...machine.options });
    await assert.rejects(credential.getToken("https://vault.azure.net/.default"), { name: "AuthenticationError" });
  });
});
