/**
 * Checks the types of the examples in the documents and in doc comments, and runs them without any permission. Examples
 * that need a cloud or a server are marked `no-eval` and are not run. (`deno test --doc` is not used: it also runs
 * these, and it cannot run a module with a default export.)
 *
 * @module
 */

import { listDocuments } from "./check_docs.ts";
import { listFiles } from "./check_layers.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** An example to run. */
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

/** Declarations of the packages that only the documents import, such as "hono": `hono.d.ts`, `@sveltejs+kit.d.ts`. */
const DECLARATIONS = "tests/support/project/packages";

/**
 * Returns the configuration for checking the examples: that of deno.json with the declared packages, and without
 * `isolatedDeclarations`, because the exports of an app need no explicit types.
 */
async function configurationOfExamples(): Promise<object> {
  const configuration = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const declared = (await Array.fromAsync(Deno.readDir(ROOT + DECLARATIONS))).map(({ name: file }) => [
    file.replace(/\.d\.ts$/, "").replaceAll("+", "/"),
    `./${DECLARATIONS}/${file}`,
  ]);
  return {
    ...configuration,
    imports: { ...configuration.imports, ...Object.fromEntries(declared) },
    compilerOptions: {
      ...configuration.compilerOptions,
      isolatedDeclarations: false,
      // For NestJS and React.
      experimentalDecorators: true,
      jsx: "react-jsx",
      jsxImportSource: "react",
    },
  };
}

/** Returns whether the examples of the files type-check. */
async function checkTypes(files: readonly string[]): Promise<boolean> {
  // In the folder of deno.json, because its paths and node_modules are relative to the configuration.
  const config = `${ROOT}deno.examples.json`;
  await Deno.writeTextFile(config, JSON.stringify(await configurationOfExamples()));
  try {
    const args = ["check", "--doc-only", `--config=${config}`, "--frozen", ...files];
    return (await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).spawn().status).success;
  } finally {
    await Deno.remove(config);
  }
}

if (import.meta.main) {
  const documents = (await listDocuments()).filter((file) => file.endsWith(".md"));
  const files = [...documents, "mod.ts", ...await listFiles(ROOT, "src")];
  const problems = await checkTypes(files)
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
