import { readJunit } from "./junit.ts";
import { failure, type Outcome, type Result, Unavailable } from "./outcome.ts";
import { run } from "./run.ts";
import type { Suite } from "./suite.ts";

/** Runs the test files on the machine's Node, with the packed package. */
export async function runNode({ folder, filesFor, install }: Suite): Promise<Result> {
  const version = (await run("node", ["--version"])).stdout.trim().slice(1);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 20 || major === 20 && minor < 19) {
    throw new Unavailable(`Node 20.19 or newer is needed; this is "${version}"`);
  }

  await install();
  const report = `${folder}/node.xml`;
  const reporters = [
    ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
  ];
  const args = ["--test", "--test-timeout=60000", ...reporters, ...filesFor("node").map(({ stripped }) => stripped)];
  const { code, stdout, stderr } = await run("node", args, { cwd: folder });
  const outcomes = readJunit(await Deno.readTextFile(report).catch(() => "")).map((outcome) =>
    explain(outcome, stdout)
  );
  const told = outcomes.some(({ status }) => status === "failed");
  return {
    runtime: `Node ${version}`,
    outcomes: code === 0 || told ? outcomes : [...outcomes, failure("node --test", stdout + stderr)],
  };
}

/** Of a file that cannot be loaded the report says only that; what the file wrote stands before its line in the other report. */
function explain(outcome: Outcome, output: string): Outcome {
  if (outcome.status !== "failed" || !outcome.name.endsWith("_test.js")) return outcome;
  return failure(outcome.name, output.slice(0, output.indexOf(`✖ ${outcome.name}`)));
}
