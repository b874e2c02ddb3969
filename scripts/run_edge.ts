import type { Result } from "./outcome.ts";
import { run } from "./run.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

/** Runs the portable tests in Vercel's edge VM, which is a package for Node. */
export async function runEdge(suite: Suite): Promise<Result> {
  const { folder } = suite;
  const code = await bundleTests(suite, "edge", "globalThis.outcomes = run(files);");
  await Deno.writeTextFile(
    `${folder}/edge.js`,
    `(async () => { "use strict";\n${code}\nreturn JSON.stringify(await globalThis.outcomes);\n})()`,
  );
  const program = `
    import { readFileSync } from "node:fs";
    import { EdgeVM } from "@edge-runtime/vm";
    process.stdout.write(await new EdgeVM().evaluate(readFileSync("edge.js", "utf8")));`;
  const { code: exitCode, stdout, stderr } = await run("node", ["--input-type=module", "--eval", program], {
    cwd: folder,
  });
  if (exitCode !== 0) throw new Error(`Node ended with ${exitCode}: ${stdout}${stderr}`);
  const { version } = JSON.parse(await Deno.readTextFile(`${folder}/node_modules/@edge-runtime/vm/package.json`));
  return { runtime: `edge VM ${version}`, outcomes: JSON.parse(stdout) };
}
