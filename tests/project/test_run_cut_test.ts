// Runs on: deno
// How `deno task test` ends a run in which a test hangs, and a run that is interrupted.
import { stop } from "esbuild";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../scripts/outcome.ts";
import { ROOT } from "../../scripts/run.ts";
import { runBrowser } from "../../scripts/run_browser.ts";
import { runBun } from "../../scripts/run_bun.ts";
import { runDeno } from "../../scripts/run_deno.ts";
import { runEdge } from "../../scripts/run_edge.ts";
import { runNode } from "../../scripts/run_node.ts";
import { workerd } from "../../scripts/run_workerd.ts";
import type { Suite } from "../../scripts/suite.ts";
import { makeTestProject } from "../../scripts/test_project.ts";
import { untilNoneHas, untilOneHas } from "../support/environ.ts";

/** More time than a runtime needs to start. */
const SILENCE_IN_MS = 15_000;

const TESTS = `
import { describe, test } from "node:test";
test("ends", () => {});
test("fails", () => { throw new Error("a reason"); });
describe("a group", () => {
  test("ends too", () => {});
  test("hangs", async () => {
    await started();
    await new Promise(() => setInterval(() => {}, 1000));
  });
  test("is never reached", () => {});
});
`;

const MARK = `AZWEB_CUT_TEST=${crypto.randomUUID()}`;

/** Starts two processes: one in a process group of its own, and one whose parent ends. */
const WITH_CHILDREN = `
import { spawn } from "node:child_process";
async function started() {
  spawn("env", ["${MARK}", "sleep", "600"], { detached: true });
  const shell = spawn("sh", ["-c", "${MARK} sleep 600 >/dev/null 2>&1 &"], { detached: true });
  await new Promise((resolve) => shell.on("close", resolve));
}
`;

const WITHOUT_CHILDREN = "function started() {}";

const RUNS: readonly [name: string, file: string, run: (suite: Suite) => Promise<Result>][] = [
  ["deno", "with", runDeno],
  ["node", "with", runNode],
  ["bun", "with", runBun],
  ["workerd", "without", workerd("newer", [])],
  ["edge", "without", runEdge],
  ["browser", "without", runBrowser],
];

describe("a run in which a test hangs", () => {
  let folder: string;
  let results: readonly PromiseSettledResult<Result>[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "azweb-cut-"));
    await mkdir(join(folder, "tests"));
    await writeFile(join(folder, "tests/with_test.js"), WITH_CHILDREN + TESTS);
    await writeFile(join(folder, "tests/without_test.js"), WITHOUT_CHILDREN + TESTS);
    await makeTestProject(folder, []);
    results = await Promise.allSettled(RUNS.map(([name, file, run]) => {
      const path = `tests/${file}_test`;
      const source = name === "deno" ? relative(ROOT, join(folder, `${path}.js`)) : `${path}.ts`;
      return run({
        folder,
        filesFor: () => [{ source, stripped: `${path}.js`, runtimes: [name] }],
        install: () => Promise.resolve(),
        silenceInMs: SILENCE_IN_MS,
      });
    }));
  });

  after(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });

  for (const [index, [name]] of RUNS.entries()) {
    test(`is cut on ${name}, and the report names the unfinished test`, () => {
      const result = results[index]!;
      if (result.status === "rejected") throw result.reason;
      const { outcomes } = result.value;
      const seen = outcomes.map(({ name, status }) => `${name.replace(/^.*?_test\.[jt]s > /, "")}: ${status}`);
      assert.deepEqual(seen, [
        "ends: passed",
        "fails: failed",
        "a group > ends too: passed",
        "a group > hangs: failed",
      ]);
      assert.equal(
        outcomes.at(-1)!.message,
        `The run was cut: no test has ended for ${SILENCE_IN_MS / 1000} s, and this one has not ended`,
      );
    });
  }

  test("is ended together with the processes that it started", () => untilNoneHas(MARK));
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const) {
  test(`${signal} ends the test command and the processes that it started`, async () => {
    const mark = crypto.randomUUID();
    const args = ["run", "--quiet", "--allow-all", "scripts/test.ts", "deno", "--filter", "permissions_test"];
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      env: { AZWEB_CUT_TEST: mark, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(command.stderr).text();
    const reader = command.stdout.getReader();
    await reader.read();
    // Waits until the tests run.
    await untilOneHas(mark, "--junit-path");
    command.kill(signal);
    while (!(await reader.read()).done);
    const { code } = await command.status;
    // A command that is killed cannot write a message.
    if (signal === "SIGKILL") assert.equal(code, 137);
    else {
      assert.equal(code, 130);
      assert.match(
        await stderr,
        new RegExp(`^${signal}: the run was ended, and these had not ended:\n  deno: \\S`, "m"),
      );
    }
    await untilNoneHas(mark);
  });
}
