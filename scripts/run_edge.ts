import type { Result } from "./outcome.ts";
import { readEvents } from "./progress.ts";
import { runTests } from "./run_tests.ts";
import type { Suite } from "./suite.ts";
import { bundleTests } from "./test_bundle.ts";

/** Runs the portable tests in Vercel's edge VM, which runs on Node. */
export async function runEdge(suite: Suite): Promise<Result> {
  const { folder, silenceInMs } = suite;
  const ending = "globalThis.ended = run(files, globalThis.tell);";
  const code = await bundleTests(suite, { runtime: "edge", ending, conditions: ["edge-light"] });
  await Deno.writeTextFile(`${folder}/edge.js`, `(async () => { "use strict";\n${code}\nawait globalThis.ended;\n})()`);
  const program = `
    import { readFileSync } from "node:fs";
    import { EdgeVM } from "@edge-runtime/vm";
    const tell = (event) => process.stdout.write(JSON.stringify(event) + "\\n");
    const extend = (context) => Object.assign(context, { tell });
    await new EdgeVM({ extend }).evaluate(readFileSync("edge.js", "utf8"));`;
  const { code: exitCode, stdout, stderr, costs, outcomes, isCut } = await runTests(
    "node",
    ["--input-type=module", "--eval", program],
    { cwd: folder, silenceInMs, follow: (progress) => ({ onStdout: readEvents(progress) }) },
  );
  if (exitCode !== 0 && !isCut) throw new Error(`Node ended with ${exitCode}: ${stdout}${stderr}`);
  const { version } = JSON.parse(await Deno.readTextFile(`${folder}/node_modules/@edge-runtime/vm/package.json`));
  return { runtime: `edge VM ${version}`, outcomes, costs };
}
