import { readJunit } from "./junit.ts";
import { failure, type Outcome, type Result, Unavailable } from "./outcome.ts";
import { readEvents } from "./progress.ts";
import { ROOT, run } from "./run.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";

/** Runs the test files on the machine's Node, with the packed package. */
export async function runNode({ folder, filesFor, install, silenceInMs }: Suite): Promise<Result> {
  const version = (await run("node", ["--version"])).stdout.trim().slice(1);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 20 || major === 20 && minor < 19) {
    throw new Unavailable(`Node 20.19 or newer is needed; this is "${version}"`);
  }

  await install();
  const [report, text] = [`${folder}/node.xml`, `${folder}/node.txt`];
  const reporters = [
    ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
    ...["--test-reporter=spec", `--test-reporter-destination=${text}`],
    ...[`--test-reporter=${ROOT}tests/runtimes/node_reporter.js`, "--test-reporter-destination=stdout"],
  ];
  // One file at a time, as on the other runtimes. Without --test-timeout, which limits a whole file on Node 20.
  const args = ["--test", "--test-concurrency=1", ...reporters, ...filesFor("node").map(({ stripped }) => stripped)];
  const { code, stdout, stderr, costs, ...seen } = await runTests("node", args, {
    cwd: folder,
    silenceInMs,
    follow: (progress) => ({ onStdout: readEvents(progress) }),
  });
  const output = await Deno.readTextFile(text).catch(() => stdout);
  const reported = readJunit(await Deno.readTextFile(report).catch(() => ""));
  const outcomes = seen.isCut ? seen.outcomes : reported.map((outcome) => explain(outcome, output));
  const isReported = outcomes.some(({ status }) => status === "failed");
  return {
    runtime: `Node ${version}`,
    outcomes: code === 0 || isReported ? outcomes : [...outcomes, failure("node --test", output + stderr)],
    costs,
  };
}

/**
 * Adds the reason to the outcome of a file that cannot be loaded. The JUnit report does not have it; in the spec
 * report, the output of the file precedes the line with its name.
 */
function explain(outcome: Outcome, output: string): Outcome {
  if (outcome.status !== "failed" || !outcome.name.endsWith("_test.js")) return outcome;
  return failure(outcome.name, output.slice(0, output.indexOf(`✖ ${outcome.name}`)));
}
