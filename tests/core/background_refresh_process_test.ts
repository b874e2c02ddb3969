// Runs on: deno, node, bun
// A program that has its token ends when it has nothing more to do, whatever becomes of the refresh behind it.
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { startModule, stopModules } from "../support/child.ts";
import { serveHttp } from "../support/http_server.ts";
import { jsonAnswer } from "../support/service.ts";

const IN_A_DAY = Math.floor(Date.now() / 1000) + 86_400;

after(stopModules);

/** Runs the program before a service that answers once and is silent afterwards. Returns what it printed. */
async function runBefore(answer: () => Response, args: readonly string[]): Promise<string[]> {
  let asked = 0;
  const server = await serveHttp(() => asked++ === 0 ? Promise.resolve(answer()) : new Promise(() => {}));
  try {
    const [kind, moment, timeout] = args as [string, string, string];
    const child = startModule("core/background_refresh_process", { args: [kind, moment, server.url, timeout] });
    const { code, stdout, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    return stdout.trim().split("\n");
  } finally {
    await server.close();
  }
}

for (const moment of ["due", "last minutes"]) {
  test(`App Service, ${moment}: the connection of the refresh does not keep the process alive`, async () => {
    const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_on: IN_A_DAY });
    // It has ended while the request was in flight: neither an attempt nor the refresh was over.
    assert.deepEqual(await runBefore(answer, ["App Service", moment, "20000"]), [
      "token a-token",
      "events token-acquired",
    ]);
  });

  test(`client secret, ${moment}: no timer does, and a request for no longer than its time limit`, async () => {
    const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_in: 86_400 });
    // The `fetch` of a runtime cannot be left alone before its attempt is over. The wait for the next attempt can.
    assert.deepEqual(await runBefore(answer, ["client secret", moment, "3000"]), [
      "token a-token",
      "events token-acquired,request-retried",
    ]);
  });
}

test("a chain: its search in the background does not keep the process alive", async () => {
  const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_on: IN_A_DAY });
  assert.deepEqual(await runBefore(answer, ["chain", "due", "60000"]), [
    "token a-token",
    "events token-acquired",
    "aborted false",
  ]);
});

test("the Azure CLI, last minutes: the program does not keep the process alive", {
  skip: process.platform === "win32" ? "Shell scripts are not for Windows" : false,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "azweb-background-"));
  try {
    const answer = JSON.stringify({ accessToken: "a-token", expires_on: IN_A_DAY, tenant: "a-tenant" });
    const script = `
PATH=/usr/bin:/bin
if test -e ${folder}/asked; then echo $$ > ${folder}/pid; exec sleep 600; fi
touch ${folder}/asked
echo '${answer}'`;
    await writeFile(`${folder}/az`, `#!/bin/sh\n${script}\n`);
    await chmod(`${folder}/az`, 0o755);
    const child = startModule("core/background_refresh_process", { args: ["az", "last minutes", folder, ""] });
    const { code, stdout, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trim().split("\n"), ["token a-token", "events token-acquired"]);
    process.kill(Number(await readFile(`${folder}/pid`, "utf8")), "SIGKILL");
  } finally {
    await rm(folder, { recursive: true });
  }
});
