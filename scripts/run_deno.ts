import { pathToFileURL } from "node:url";
import { readJunit } from "./junit.ts";
import { failure, type Outcome, type Result } from "./outcome.ts";
import { byLine, type Progress } from "./progress.ts";
import { ROOT, run } from "./run.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";

/** Runs the test files on Deno, from source. Does not check their types. */
export async function runDeno({ folder, filesFor, silenceInMs }: Suite): Promise<Result> {
  const files = filesFor("deno").map(({ source }) => source);
  const report = `${folder}/deno.xml`;
  const options = ["--allow-all", "--no-check", "--no-prompt", "--trace-leaks", `--junit-path=${report}`];
  const follow = (progress: Progress) => ({ onStdout: readPretty(progress) });
  const [{ code, stdout, stderr, costs, ...seen }, broken] = await Promise.all([
    runTests(Deno.execPath(), ["test", ...options, ...files], { silenceInMs, follow }),
    loadFiles(files),
  ]);
  const outcomes = [
    ...seen.isCut ? seen.outcomes : readJunit(await Deno.readTextFile(report).catch(() => "")),
    ...broken,
  ];
  const isReported = outcomes.some(({ status }) => status === "failed");
  return {
    runtime: `Deno ${Deno.version.deno}`,
    figures: readFigures(stdout),
    outcomes: code === 0 || isReported ? outcomes : [...outcomes, failure("deno test", stdout + stderr)],
    costs,
  };
}

const STATUSES = { ok: "passed", FAILED: "failed", ignored: "skipped" } as const;

/** Returns a function that reads the progress from the output of `deno test`. */
export function readPretty(progress: Progress): (text: string) => void {
  let file = "";
  let isOutput = false;
  /** Names of the tests that have begun and not ended; each is a step of the previous one. */
  const path: string[] = [];

  function nameAt(indent: string, name: string): string {
    path.length = indent.length / 2;
    path.push(name);
    return [file, ...path].join(" > ");
  }

  function readLine(line: string): void {
    if (/^-+ (?:post-test )?output -+$/.test(line)) isOutput = true;
    if (/^-+ (?:post-test )?output end -+$/.test(line)) isOutput = false;
    if (isOutput) return;
    const [, next] = /^running \d+ tests? from (?:\.\/)?(.+)$/.exec(line) ?? [];
    if (next) {
      file = next;
      return progress.enterFile(file);
    }
    const [, indent = "", name, status] = /^( *)(\S.*) \.\.\.(?: (ok|FAILED|ignored)(?: \(.*\))?)?$/.exec(line) ?? [];
    if (!name) return;
    if (status) progress.endTest({ name: nameAt(indent, name), status: STATUSES[status as keyof typeof STATUSES] });
    else progress.beginTest(nameAt(indent, name));
  }

  // The line of a running test is incomplete.
  return byLine(readLine, (rest) => void (rest.endsWith(" ...") && readLine(rest)));
}

/**
 * Returns the output of tests that begins with "Figures", without other output and without the lines of `deno test`.
 */
export function readFigures(stdout: string): string {
  const outputs = stdout.matchAll(/^-+ (?:post-test )?output -+\n(.*?)\n-+ (?:post-test )?output end -+$/gms);
  return Array.from(outputs, ([, output]) => /^Figures.*/ms.exec(output!)?.[0] ?? []).flat().join("\n");
}

/** Loads each file again, because `deno test` does not report a file that throws after it has registered a test. */
async function loadFiles(files: readonly string[]): Promise<Outcome[]> {
  const program = `for (const file of Deno.args) {
    await import(file).catch((error) => console.log("Cannot load " + JSON.stringify([file, String(error?.stack ?? error)])));
  }
  Deno.exit();`;
  const urls = files.map((file) => pathToFileURL(ROOT + file).href);
  const { code, stdout, stderr } = await run(Deno.execPath(), ["eval", program, ...urls]);
  if (code !== 0) return [failure("the test files can be loaded", stdout + stderr)];
  return [...stdout.matchAll(/^Cannot load (.+)$/gm)].map(([, line]) => {
    const [file, error] = JSON.parse(line!);
    return failure(file.replace(pathToFileURL(ROOT).href, ""), error);
  });
}
