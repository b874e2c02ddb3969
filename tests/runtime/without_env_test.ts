// Runs on: deno
// What a runtime that may have no environment variables of its own says where one is missing, each in a process of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithFlags } from "../support/permissions.ts";

const WORKER =
  `globalThis.process = { env: {} }; Object.defineProperty(globalThis, "navigator", { value: { userAgent: "Cloudflare-Workers" } });`;
const EDGE = "delete globalThis.process;";

/** Runs what fails where the globals are those of another runtime, and returns the message. */
async function messageOn(runtime: string, credential: string): Promise<string> {
  return await runWithFlags(
    ["-A"],
    `
    ${runtime}
    delete globalThis.Deno;
    const { ${credential.split("(")[0]} } = await import("@azweb/identity");
    try {
      await new ${credential}.getToken("https://vault.azure.net/.default");
    } catch (error) {
      console.log(error.message);
    }
  `,
  );
}

for (
  const [credential, call] of [
    ["DefaultAzureCredential()", "new DefaultAzureCredential({ env })"],
    ["EnvironmentCredential()", "new EnvironmentCredential({ env })"],
    ["WorkloadIdentityCredential()", "new WorkloadIdentityCredential({ env })"],
  ] as const
) {
  test(`a Worker without "env": ${call}`, async () => {
    const message = await messageOn(WORKER, credential);
    assert.ok(message.includes(`Pass the Worker's bindings: \`${call}\``), message);
    assert.doesNotMatch(message, /Set AZURE_/);
  });
}

test("an edge runtime without variables", async () => {
  const message = await messageOn(EDGE, "EnvironmentCredential()");
  assert.match(message, /None of its variables is set: Pass the variables: `new EnvironmentCredential\(\{ env \}\)`$/);
});

test("a Worker that passes its bindings is told which is missing", async () => {
  const message = await messageOn(WORKER, "EnvironmentCredential({ env: {} })");
  assert.match(message, /None of its variables is set: Set AZURE_TENANT_ID, /);
});
