// Runs on: deno
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { type Child, type Ending, startModule } from "./support/child.ts";

/** Runs the demo in an empty folder, with an empty folder for its temporary files, and checks that both are empty when it has ended. */
async function runDemo(args: string[] = [], meanwhile?: (demo: Child) => Promise<unknown>): Promise<Ending> {
  const folder = await mkdtemp(join(tmpdir(), "azweb-test-"));
  try {
    const cwd = join(folder, "cwd");
    const temporary = join(folder, "temporary");
    await mkdir(cwd);
    await mkdir(temporary);
    const demo = startModule("../../scripts/demo", { args, cwd, env: temporaryFolder(temporary) });
    await meanwhile?.(demo);
    const ending = await demo.ended;
    assert.deepEqual(await readdir(cwd), []);
    assert.deepEqual(await readdir(temporary), []);
    assert.deepEqual(await processesWith(temporary), []);
    assert.doesNotMatch(ending.stdout + ending.stderr, /eyJ/, "It prints a token");
    return ending;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Returns the variables that choose the folder for temporary files, on every system. */
function temporaryFolder(path: string): Record<string, string> {
  return { TMPDIR: path, TMP: path, TEMP: path };
}

/** Returns the processes that have the text in their environment, where the system tells. */
async function processesWith(text: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const found: string[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environ = await readFile(`/proc/${id}/environ`, "utf8").catch(() => ""); // Gone, or another user's.
    if (environ.includes(text)) found.push(await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => id));
  }
  return found;
}

describe("deno task demo", () => {
  test("gets from environment variables to a stored blob", async () => {
    const { code, stdout, stderr } = await runDemo();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\d+\. DefaultAzureCredential uses EnvironmentCredential$/m);
    assert.match(
      stdout,
      /by https:\/\/sts\.windows\.net\/\S+ for https:\/\/storage\.azure\.com, good for 60 minutes$/m,
    );
    assert.match(stdout, /^\d+\. It downloaded the blob: the same 28 bytes$/m);
    assert.match(stdout, /^\d+\. Entra was asked for a token once/m);
    assert.match(stdout, /^It works, in \d+\.\d seconds\.$/m);
    assert.equal(stderr, "");
  });

  const breaks: [string, RegExp, RegExp][] = [
    ["secret", /Cannot get a token: .*AADSTS7000215/, /What to do: Compare the variables/],
    ["audience", /Cannot create a container: 403 AuthenticationFailed/, /What to do: Compare the token/],
    ["azurite", /Cannot start Azurite:\n.*ENOENT/s, /What to do: Let programs listen/],
  ];
  for (const [broken, why, advice] of breaks) {
    test(`says what failed, why, and what to do: ${broken}`, async () => {
      const { code, stdout, stderr } = await runDemo(["--break", broken]);
      assert.equal(code, 1);
      assert.match(stderr, why);
      assert.match(stderr, advice);
      assert.match(stderr, /Everything is stopped and removed\.$/m);
      assert.doesNotMatch(stdout, /It works/);
    });
  }

  test("says what failed, why, and what to do: no temporary folder", async () => {
    const { code, stderr } = await startModule("../../scripts/demo", { env: temporaryFolder("no/such/folder") }).ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Cannot make certificates:\n.*no\/such\/folder.*\n\nWhat to do: Make "no\/such\/folder" writable/s,
    );
  });

  test("explains its arguments", async () => {
    const { code, stderr } = await runDemo(["--break", "everything"]);
    assert.equal(code, 1);
    assert.equal(stderr, "Usage: deno task demo [--break secret|audience|azurite]\n");
  });

  for (const line of [/^2\./m, /^4\./m]) {
    test(`leaves nothing when it is interrupted after line ${line.source[1]}`, {
      skip: process.platform === "win32" && "Windows has no signals",
    }, async () => {
      const { code, stderr } = await runDemo([], async (demo) => {
        await demo.untilPrinted(line);
        process.kill(demo.pid!, "SIGINT");
      });
      assert.equal(code, 130);
      assert.match(stderr, /^Interrupted\. Everything is stopped and removed\.$/m);
    });
  }
});
