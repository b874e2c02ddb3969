/**
 * Checks the types of the examples in the README and in doc comments, and runs them without any permission. Examples
 * that need a cloud or a server are marked `no-eval` and are not run. (`deno test --doc` would run those too, and
 * cannot run a module with a default export.)
 *
 * @module
 */

import { listFiles } from "./check_layers.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** An example that is to be run. */
export interface Example {
  readonly where: string;
  readonly code: string;
}

/** Returns the examples of a document or source file that are not marked `no-eval`. */
export function findExamples(file: string, text: string): Example[] {
  return [...text.matchAll(/^( *\* )?```ts\n([\s\S]*?)^\1?```$/gm)].map(({ 1: margin = "", 2: code, index }) => ({
    where: `${file}:${text.slice(0, index).split("\n").length}`,
    code: code!.replaceAll(new RegExp(`^${margin.trimEnd().replace("*", "\\*")} ?`, "gm"), ""),
  }));
}

/** Runs an example and returns its error, if any. */
export async function runExample({ where, code }: Example): Promise<Problem[]> {
  const args = ["run", "--no-prompt", "--ext=ts", "-"];
  const options = { args, cwd: ROOT, env: { NO_COLOR: "1" }, stdin: "piped", stdout: "null", stderr: "piped" } as const;
  const process = new Deno.Command(Deno.execPath(), options).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { success, stderr } = await process.output();
  return success ? [] : [{ where, what: `The example fails: ${new TextDecoder().decode(stderr).trim()}` }];
}

if (import.meta.main) {
  const files = ["README.md", "mod.ts", ...await listFiles(ROOT, "src")];
  const check = new Deno.Command(Deno.execPath(), { args: ["check", "--doc-only", ...files], cwd: ROOT }).spawn();
  const problems = (await check.status).success
    ? []
    : [{ where: "deno check --doc-only", what: "The examples do not type-check" }];
  for (const file of files) {
    for (const example of findExamples(file, await Deno.readTextFile(ROOT + file))) {
      console.log(`Run ${example.where}`);
      problems.push(...await runExample(example));
    }
  }
  report(problems);
}
