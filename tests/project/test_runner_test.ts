// Runs on: deno
// How `deno task test` reads the reports of the runners, and on which runtimes it runs each file.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stop } from "esbuild";
import { readJunit } from "../../scripts/junit.ts";
import { readFigures } from "../../scripts/run_deno.ts";
import { run } from "../../scripts/run.ts";
import { stripTests } from "../../scripts/test_files.ts";

// Each report has a passed, a failed and a skipped test, a test in a group, and a test with a passed and a failed
// subtest.
const REPORTS: Readonly<Record<string, { xml: string; names: string[] }>> = {
  Deno: {
    xml: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="3" errors="0" time="0.568">
    <testsuite name="./tests/a_test.ts" tests="6" disabled="1" errors="0" failures="3">
        <testcase name="good" classname="./tests/a_test.ts" time="0.001" line="5" col="1">
        </testcase>
        <testcase name="bad &lt;here&gt; &amp; &quot;there&quot;" classname="./tests/a_test.ts" time="0.003" line="8" col="1">
            <failure message="Uncaught AssertionError: 1 !== 2">AssertionError: 1 !== 2
    at file:///a_test.ts:8:47</failure>
        </testcase>
        <testcase name="skipped" classname="./tests/a_test.ts" time="0.000" line="9" col="1">
            <skipped/>
        </testcase>
        <testcase name="group" classname="./tests/a_test.ts" time="0.003" line="10" col="1">
        </testcase>
        <testcase name="subtests" classname="./tests/a_test.ts" time="0.005" line="15" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="subtests &gt; first" classname="./tests/a_test.ts" time="0.001" line="16" col="11">
        </testcase>
        <testcase name="subtests &gt; second" classname="./tests/a_test.ts" time="0.001" line="17" col="11">
            <failure message="Uncaught Error: boom">Error: boom</failure>
        </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="group &gt; inner" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="23191">
        </testcase>
    </testsuite>
</testsuites>`,
    names: [
      "./tests/a_test.ts > good",
      './tests/a_test.ts > bad <here> & "there"',
      "./tests/a_test.ts > skipped",
      "./tests/a_test.ts > subtests > first",
      "./tests/a_test.ts > subtests > second",
      "ext:deno_node/testing.ts > group > inner",
    ],
  },
  Node: {
    xml: `<?xml version="1.0" encoding="utf-8"?>
<testsuites>
	<testcase name="good" time="0.002481" classname="test"/>
	<testcase name="bad &lt;here> &amp; there" time="0.002322" classname="test" failure="1 !== 2">
		<failure type="testCodeFailure" message="1 !== 2">
[Error [ERR_TEST_FAILURE]: AssertionError: 1 !== 2 at &lt;anonymous>]
		</failure>
	</testcase>
	<testcase name="skipped" time="0.000328" classname="test">
		<skipped type="skipped" message="because"/>
	</testcase>
	<testsuite name="subtests" time="0.003911" disabled="0" errors="0" tests="2" failures="1" skipped="0" hostname="vm">
		<testcase name="first" time="0.000334" classname="test"/>
		<testcase name="second" time="0.002761" classname="test" failure="boom">
			<failure type="testCodeFailure" message="boom">
Error [ERR_TEST_FAILURE]: boom
			</failure>
		</testcase>
	</testsuite>
	<testsuite name="group" time="0.002945" disabled="0" errors="0" tests="1" failures="0" skipped="0" hostname="vm">
		<testcase name="inner" time="0.000580" classname="test"/>
	</testsuite>
	<!-- tests 6 -->
</testsuites>`,
    names: [
      "good",
      "bad <here> & there",
      "skipped",
      "subtests > first",
      "subtests > second",
      "group > inner",
    ],
  },
  Bun: {
    xml: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="6" assertions="0" failures="2" skipped="1" time="0.078767867">
  <testsuite name="tests/a_test.js" file="tests/a_test.js" tests="6" assertions="0" failures="2" skipped="1" time="0.04" hostname="vm">
    <testcase name="good" classname="" time="0.001842" file="tests/a_test.js" line="5" assertions="0" />
    <testcase name="bad &lt;here&gt;" classname="" time="0.003839" file="tests/a_test.js" line="8" assertions="0">
      <failure type="AssertionError" message="1 !== 2&#10;">AssertionError: 1 !== 2&#10;      at run (node:async_hooks:144:29)&#10;</failure>
    </testcase>
    <testcase name="skipped" classname="" time="0" file="tests/a_test.js" line="9" assertions="0">
      <skipped />
    </testcase>
    <testcase name="first" classname="" time="0.003839" file="tests/a_test.js" line="8" assertions="0" />
    <testcase name="second" classname="" time="0.003839" file="tests/a_test.js" line="8" assertions="0">
      <failure type="Error" message="boom" />
    </testcase>
    <testsuite name="group" file="tests/a_test.js" line="10" tests="1" assertions="0" failures="0" skipped="0" time="0" hostname="vm">
      <testcase name="inner" classname="group" time="0.000126" file="tests/a_test.js" line="11" assertions="0" />
    </testsuite>
  </testsuite>
</testsuites>`,
    names: [
      "tests/a_test.js > good",
      "tests/a_test.js > bad <here>",
      "tests/a_test.js > skipped",
      "tests/a_test.js > first",
      "tests/a_test.js > second",
      "tests/a_test.js > group > inner",
    ],
  },
};

for (const [runner, { xml, names }] of Object.entries(REPORTS)) {
  test(`the report of ${runner} is read`, () => {
    const outcomes = readJunit(xml);
    assert.deepEqual(outcomes.map(({ name }) => name), names);
    const statuses = ["passed", "failed", "skipped", "passed", "failed", "passed"];
    assert.deepEqual(outcomes.map(({ status }) => status), statuses);
    assert.match(outcomes[1]!.message!, /AssertionError: 1 !== 2/);
    assert.match(outcomes[4]!.message!, /boom/);
  });
}

test("a test with subtests is reported if it fails for another reason than a failed subtest", () => {
  const [first] = readJunit(REPORTS.Deno!.xml.replaceAll("1 test step failed", "TypeError: oops")).slice(3);
  assert.deepEqual([first!.name, first!.status], ["./tests/a_test.ts > subtests", "failed"]);
});

test("an empty report has no tests", () => {
  assert.deepEqual(readJunit(""), []);
});

test("the imports and the first line of a test file determine its runtimes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "azweb-runner-"));
  try {
    const { files, packages } = await stripTests(folder);
    const runtimesOf = (name: string) => files.find(({ source }) => source === `tests/${name}`)!.runtimes.join(" ");
    assert.equal(runtimesOf("project/shims_test.ts"), "deno node bun workerd edge browser");
    assert.equal(runtimesOf("interop/storage_blob_test.ts"), "deno node bun", "imports node:fs");
    assert.equal(
      runtimesOf("certificates/pkcs12_test.ts"),
      "deno node bun",
      "imports a file that imports node:child_process",
    );
    assert.equal(runtimesOf("project/npm_package_test.ts"), "node bun", "its first line says so");
    assert.equal(runtimesOf("project/test_runner_test.ts"), "deno", "its first line says so");
    assert.ok(packages.includes("@azure/storage-blob"));
    assert.ok(packages.includes("azurite"), "is imported by import(), in a file that is started as a process");
    assert.ok(!packages.includes("miniflare"), "is imported only by a file for Deno");
    const stripped = await readFile(join(folder, "tests/project/shims_test.js"), "utf8");
    assert.match(stripped, /from "\.\.\/runtimes\/node_test\.js"/);
    assert.doesNotMatch(stripped, /: Assert/);
  } finally {
    await stop();
    await rm(folder, { recursive: true });
  }
});

test("of the output of tests, only the figures are shown", () => {
  const start = "running 2 tests from ./tests/a_test.ts\n";
  const output = (text: string, kind = "") => `------- ${kind}output -------\n${text}\n----- ${kind}output end -----\n`;
  const first = `a month ...\n${output("Figures of a month:\n  12  requests\n   3  tokens")}a month ... ok (8s)\n`;
  const second = `b ...\n${output("Beware\nFigures: 1 second", "post-test ")}b ... ok (1s)\n`;
  const third = `c ...\n${output("WARNING: A figure")}c ... ok (1s)\n`;
  assert.equal(
    readFigures(start + first + second + third),
    "Figures of a month:\n  12  requests\n   3  tokens\nFigures: 1 second",
  );
});

for (
  const [args, where] of [
    [["deno", "--filter", "no-such-file"], " for deno"],
    [["--filter", "no-such-file"], ""],
    [["workerd", "edge", "--filter", "test_runner_test"], " for workerd, edge"],
  ] as [string[], string][]
) {
  test(`"deno task test ${args.join(" ")}" fails because it matches no test file`, async () => {
    const { code, stdout, stderr } = await run(Deno.execPath(), ["run", "--allow-all", "scripts/test.ts", ...args]);
    assert.equal(code, 1);
    assert.ok(stderr.includes(`Cannot run tests: no test file${where} has "${args.at(-1)}" in its path`), stderr);
    assert.equal(stdout, "");
  });
}

for (
  const [args, mistake] of [
    [["deno", "--help"], undefined],
    [["deno", "toaster", "--filter", "no-such-file"], 'There is no runtime "toaster"'],
    [["--only", "cache"], "Unknown option '--only'"],
    [["--filter"], "Option '--filter <value>' argument missing"],
  ] as [string[], string | undefined][]
) {
  test(`"deno task test ${args.join(" ")}" prints its usage`, async () => {
    const ended = await run(Deno.execPath(), ["run", "--quiet", "--allow-all", "scripts/test.ts", ...args]);
    const usage =
      "Usage: deno task test [deno|node|bun|workerd|edge|browser]... [--filter <part of a test file's path>] [--costs]\n";
    const expected = mistake === undefined
      ? { code: 0, stdout: usage, stderr: "" }
      : { code: 2, stdout: "", stderr: `${mistake}\n\n${usage}` };
    assert.deepEqual(ended, expected);
  });
}

test('"deno task build --help" prints its usage and builds nothing', async () => {
  assert.deepEqual(await run(Deno.execPath(), ["run", "--quiet", "--allow-all", "scripts/build_npm.ts", "--help"]), {
    code: 0,
    stdout: 'Usage: deno task build. Makes the npm package in the folder "npm", and prints its path\n',
    stderr: "",
  });
});

test("the selected runtimes and the cost of each file are printed", async () => {
  // "ack" matches "assertion_callback_test.ts", which runs on Deno, and "npm_package_test.ts", which does not.
  const args = ["run", "--quiet", "--allow-all", "scripts/test.ts", "deno", "--costs", "--filter", "ack"];
  const { code, stdout, stderr } = await run(Deno.execPath(), args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\d+ test files for deno\nDeno \S+: /);
  assert.match(stdout, /^ +\d+\.\d +\d+\.\d +tests\/federation\/assertion_callback_test\.ts$/m);
  assert.match(stdout, /^Deno \S+ +\d+ +0 +0 +\d+\.\d +\d+\.\d$/m);
});
