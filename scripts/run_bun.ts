import { readJunit } from "./junit.ts";
import { failure, type Outcome, type Result, Unavailable } from "./outcome.ts";
import { byLine, type Progress, TEST_LIMIT_IN_MS } from "./progress.ts";
import { ROOT, run } from "./run.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";

/** The npm package of Bun. */
const BUN = "bun@1.4.5";

/** Returns the path of Bun's executable, and its version. */
export async function findBun(): Promise<{ readonly path: string; readonly version: string }> {
  const program = "console.log(JSON.stringify({ path: process.execPath, version: Bun.version }))";
  const { code, stdout, stderr } = await run("npx", ["-y", BUN, "--eval", program]);
  if (code !== 0) throw new Unavailable(`npx cannot run ${BUN}: ${stderr.trim()}`);
  return JSON.parse(stdout);
}

/** Runs the test files on Bun, which npm installs, with the packed package. */
export async function runBun({ folder, filesFor, install, silenceInMs }: Suite): Promise<Result> {
  const { path, version } = await findBun();
  await install();
  const report = `${folder}/bun.xml`;
  const options = [
    ...[`--preload=${ROOT}tests/runtimes/bun_preload.js`, `--timeout=${TEST_LIMIT_IN_MS}`],
    ...["--reporter=junit", `--reporter-outfile=${report}`],
  ];
  const paths = filesFor("bun").map(({ stripped }) => `./${stripped}`);
  const { code, stdout, stderr, costs, ...seen } = await runTests(path, ["test", ...options, ...paths], {
    cwd: folder,
    silenceInMs,
    follow: (progress) => ({ onStderr: readLines(progress) }),
  });
  const outcomes = seen.isCut ? seen.outcomes : readJunit(await Deno.readTextFile(report).catch(() => ""));
  // A file that cannot be loaded is not in the report.
  const unreported = stderr.split(/^(?=# Unhandled error)/m).slice(1)
    .map((text) => failure("outside of a test", text.split("\n").slice(0, 20).join("\n")));
  const isReported = unreported.length > 0 || outcomes.some(({ status }) => status === "failed");
  if (code !== 0 && !isReported) unreported.push(failure("bun test", stdout + stderr));
  return { runtime: `Bun ${version}`, outcomes: [...outcomes, ...unreported], costs };
}

const STATUSES: Readonly<Record<string, Outcome["status"]>> = { pass: "passed", fail: "failed", skip: "skipped" };

/** Returns a function that reads the progress from the output of `bun test` and the lines of `bun_preload.js` in it. */
export function readLines(progress: Progress): (text: string) => void {
  let file = "";
  return byLine((line) => {
    const [, path] = /^(\S+_test)\.js:$/.exec(line) ?? [];
    if (path) progress.enterFile(file = `${path}.ts`);
    const [, status = "", name] = /^\((begin|pass|fail|skip)\) (.+?)(?: \[[\d.]+m?s\])?$/.exec(line) ?? [];
    if (!name) return;
    const fullName = `${file} > ${name}`;
    if (status === "begin") progress.beginTest(fullName);
    else progress.endTest({ name: fullName, status: STATUSES[status]! });
  });
}
