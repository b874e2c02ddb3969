// Runs on: node
// The npm package without the optional peer dependency `jose`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const NODE_MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "azweb-without-jose-"));
  for (const name of ["@azweb/identity", "oauth4webapi"]) {
    await cp(NODE_MODULES + name, `${folder}/node_modules/${name}`, { recursive: true });
  }
});
after(() => rm(folder, { recursive: true }));

/** Runs a program in a project without other packages, and returns what it printed. */
async function run(program: string): Promise<string> {
  const args = ["--input-type=module", "--eval", program];
  return (await promisify(execFile)(process.execPath, args, { cwd: folder })).stdout.trim();
}

test("StaticCredential and the fake clock work without jose", async () => {
  const output = await run(`
    import { createFakeClock, StaticCredential } from "@azweb/identity/testing";
    const { token } = await new StaticCredential("a-token").getToken("a-scope");
    console.log(token, createFakeClock(5).now());
  `);
  assert.equal(output, "a-token 5");
});

test("without jose, a simulated service causes an error that says how to install it", async () => {
  const output = await run(`
    import { ClientSecretCredential } from "@azweb/identity";
    import { createEntra } from "@azweb/identity/testing";
    const entra = createEntra({ apps: [{ tenantId: "contoso.com", clientId: "my-app", secrets: ["my-secret"] }] });
    const options = { env: {}, fetch: entra.fetch };
    const credential = new ClientSecretCredential("contoso.com", "my-app", "my-secret", options);
    for (const call of [() => credential.getToken("https://vault.azure.net/.default"), () => entra.verify("a.b.c")]) {
      console.log(await call().catch((error) => error.message));
    }
    console.log(entra.requests.length);
  `);
  const [acquired = "", verified, requests] = output.split("\n");
  const message = 'Cannot sign or verify a token: The package "jose" is missing; run "npm install --save-dev jose"';
  assert.ok(acquired.startsWith("ClientSecretCredential: ") && acquired.includes(message), acquired);
  assert.ok(!acquired.includes("network"), acquired);
  assert.equal(verified, message);
  assert.equal(requests, "1");
});
