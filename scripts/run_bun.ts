import { readJunit } from "./junit.ts";
import { failure, type Result, Unavailable } from "./outcome.ts";
import { run } from "./run.ts";
import type { Suite } from "./suite.ts";

/** What npm calls it. */
export const BUN = "bun@1.4.5";

/** Runs the test files on Bun, which comes from npm, with the packed package. */
export async function runBun({ folder, filesFor, install }: Suite): Promise<Result> {
  const probe = await run("npx", ["-y", BUN, "--version"], { cwd: folder });
  if (probe.code !== 0) throw new Unavailable(`npx cannot run ${BUN}: ${probe.stderr.trim()}`);

  await install();
  const report = `${folder}/bun.xml`;
  const options = ["--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const paths = filesFor("bun").map(({ stripped }) => `./${stripped}`);
  const { code, stdout, stderr } = await run("npx", ["-y", BUN, "test", ...options, ...paths], { cwd: folder });
  const outcomes = readJunit(await Deno.readTextFile(report).catch(() => ""));
  // A file that cannot be loaded is not in the report.
  const untold = stderr.split(/^(?=# Unhandled error)/m).slice(1)
    .map((text) => failure("outside of a test", text.split("\n").slice(0, 20).join("\n")));
  const told = untold.length > 0 || outcomes.some(({ status }) => status === "failed");
  if (code !== 0 && !told) untold.push(failure("bun test", stdout + stderr));
  return { runtime: `Bun ${probe.stdout.trim()}`, outcomes: [...outcomes, ...untold] };
}
