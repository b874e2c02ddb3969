import { readJunit } from "./junit.ts";
import { failure, type Result } from "./outcome.ts";
import { run } from "./run.ts";
import type { Suite } from "./suite.ts";

/** Runs the test files on Deno, from source. Their types are not checked here. */
export async function runDeno({ folder, filesFor }: Suite): Promise<Result> {
  const report = `${folder}/deno.xml`;
  const options = ["--allow-all", "--no-check", "--no-prompt", "--trace-leaks", `--junit-path=${report}`];
  const { code, stdout, stderr } = await run(Deno.execPath(), [
    "test",
    ...options,
    ...filesFor("deno").map(({ source }) => source),
  ]);
  const outcomes = readJunit(await Deno.readTextFile(report).catch(() => ""));
  const told = outcomes.some(({ status }) => status === "failed");
  return {
    runtime: `Deno ${Deno.version.deno}`,
    outcomes: code === 0 || told ? outcomes : [...outcomes, failure("deno test", stdout + stderr)],
  };
}
