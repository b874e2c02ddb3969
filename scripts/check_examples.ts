/**
 * Checks the examples in the documents and in the doc comments: each one's types; and each one runs, without any permission, except those
 * marked `no-eval`, which need a cloud or a server. (`deno test --doc` would run those too, and cannot run a module with a default export.)
 *
 * @module
 */

import { listDocuments } from "./check_docs.ts";
import { listFiles } from "./check_layers.ts";
import { pathToFileURL } from "node:url";
import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** An example that can run. */
export interface Example {
  readonly where: string;
  readonly code: string;
}

/** Returns the examples of a document or a source file that are to be run. */
export function findExamples(file: string, text: string): Example[] {
  return [...text.matchAll(/^( *\* )?```ts\n([\s\S]*?)^\1?```$/gm)].map(({ 1: margin = "", 2: code, index }) => ({
    where: `${file}:${text.slice(0, index).split("\n").length}`,
    code: code!.replaceAll(new RegExp(`^${margin.trimEnd().replace("*", "\\*")} ?`, "gm"), ""),
  }));
}

/** Runs an example, and returns what went wrong. */
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

/** Declarations of the packages that only the documents import, such as "hono": `hono.d.ts`, `@sveltejs+kit.d.ts`. */
const DECLARATIONS = "tests/support/project/packages";

/** Writes an import map with these packages besides those of deno.json; returns its path. */
async function writeImportMap(): Promise<string> {
  const { name, exports, imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, string>>;
    readonly imports: Readonly<Record<string, string>>;
  };
  const own = Object.entries(exports).map(([subpath, file]) => [subpath.replace(".", name), file]);
  const declared = (await Array.fromAsync(Deno.readDir(ROOT + DECLARATIONS))).map(({ name: file }) => {
    const specifier = file.replace(/\.d\.ts$/, "").replaceAll("+", "/");
    return [specifier, `./${DECLARATIONS}/${file}`];
  });
  const entries = [...Object.entries(imports), ...own, ...declared].map(([specifier, target]) => [
    specifier,
    target!.startsWith("./") ? new URL(target!, pathToFileURL(ROOT)).href : target,
  ]);
  const path = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(path, JSON.stringify({ imports: Object.fromEntries(entries) }));
  return path;
}

if (import.meta.main) {
  const documents = (await listDocuments()).filter((file) => file.endsWith(".md"));
  const files = [...documents, "mod.ts", ...await listFiles(ROOT, "src")];
  const importMap = await writeImportMap();
  const args = ["check", "--doc-only", `--import-map=${importMap}`, ...files];
  const check = new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).spawn();
  const { success } = await check.status;
  await Deno.remove(importMap);
  const problems = success ? [] : [{ where: "deno check --doc-only", what: "The examples do not type-check" }];
  for (const file of files) {
    for (const example of findExamples(file, await Deno.readTextFile(ROOT + file))) {
      console.log(`Run ${example.where}`);
      problems.push(...await runExample(example));
    }
  }
  report(problems);
}
