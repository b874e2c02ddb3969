import { pathToFileURL } from "node:url";
import { readJunit } from "./junit.ts";
import { failure, type Outcome, type Result } from "./outcome.ts";
import { ROOT, run } from "./run.ts";
import type { Suite } from "./suite.ts";

/** The boxes, with real programs in them, take some minutes where the machine has other things to do as well. */
const PATIENCE_IN_MS = 1_200_000;

/** Runs the test files on Deno, from source. Their types are not checked here. */
export async function runDeno({ folder, filesFor }: Suite): Promise<Result> {
  const files = filesFor("deno").map(({ source }) => source);
  const report = `${folder}/deno.xml`;
  const options = ["--allow-all", "--no-check", "--no-prompt", "--trace-leaks", `--junit-path=${report}`];
  const [{ code, stdout, stderr }, broken] = await Promise.all([
    run(Deno.execPath(), ["test", ...options, ...files], { timeoutInMs: PATIENCE_IN_MS }),
    loadFiles(files),
  ]);
  const outcomes = [...readJunit(await Deno.readTextFile(report).catch(() => "")), ...broken];
  const told = outcomes.some(({ status }) => status === "failed");
  return {
    runtime: `Deno ${Deno.version.deno}`,
    figures: readFigures(stdout),
    outcomes: code === 0 || told ? outcomes : [...outcomes, failure("deno test", stdout + stderr)],
  };
}

/** Returns what tests wrote that begins with "Figures", without what others wrote and what `deno test` writes about them. */
export function readFigures(stdout: string): string {
  const outputs = stdout.matchAll(/^-+ (?:post-test )?output -+\n(.*?)\n-+ (?:post-test )?output end -+$/gms);
  return Array.from(outputs, ([, output]) => /^Figures.*/ms.exec(output!)?.[0] ?? []).flat().join("\n");
}

/** `deno test` says nothing of a file that throws after it has registered a test, so each is loaded once more. */
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
