// Runs on: deno
// The error for a missing variable on runtimes without environment variables, where the program must pass `env`. Each
// test runs in its own process, because it replaces globals.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithFlags } from "../support/permissions.ts";

const WORKER =
  `globalThis.process = { env: {} }; Object.defineProperty(globalThis, "navigator", { value: { userAgent: "Cloudflare-Workers" } });`;
const EDGE = "delete globalThis.process;";

/** Returns the message of the error that `getToken` throws if the globals are those of another runtime. */
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
