// Runs on: deno, node, bun
// A background refresh does not keep the process of a program alive.
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

/** What the arguments of the program mean for its token at the second call. */
const MOMENTS: Readonly<Record<string, string>> = {
  due: "past its refresh time",
  "last minutes": "in its last minutes",
};

/** Runs the program with a service that responds to the first request only. Returns the lines that it prints. */
async function runProgram(answer: () => Response, args: readonly string[]): Promise<string[]> {
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

for (const [moment, description] of Object.entries(MOMENTS)) {
  test(`App Service, token ${description}: the connection of the refresh does not keep the process alive`, async () => {
    const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_on: IN_A_DAY });
    // No event of the refresh, because the process ends while its request is in flight.
    assert.deepEqual(await runProgram(answer, ["App Service", moment, "20000"]), [
      "token a-token",
      "events token-acquired",
    ]);
  });

  test(`client secret, token ${description}: timers do not keep the process alive, and a request only until its time limit`, async () => {
    const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_in: 86_400 });
    // The runtime's `fetch` keeps the process alive until the attempt ends. The wait for the next attempt does not.
    assert.deepEqual(await runProgram(answer, ["client secret", moment, "3000"]), [
      "token a-token",
      "events token-acquired,request-retried",
    ]);
  });
}

test("a chain: the background probe does not keep the process alive", async () => {
  const answer = () => jsonAnswer({ access_token: "a-token", token_type: "Bearer", expires_on: IN_A_DAY });
  assert.deepEqual(await runProgram(answer, ["chain", "due", "60000"]), [
    "token a-token",
    "events token-acquired",
    "aborted false",
  ]);
});

test("the Azure CLI, token in its last minutes: the refresh by az does not keep the process alive", {
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
