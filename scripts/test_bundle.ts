import { build } from "esbuild";
import { ROOT } from "./run.ts";
import type { Suite } from "./suite.ts";

/**
 * Bundles the test files for a runtime and their imports, including the installed package, into one module. The module
 * imports all subpaths of the package at its top, and the tests when `ending` calls `run(files)`.
 */
export async function bundleTests(
  { folder, filesFor, install }: Suite,
  { runtime, ending, conditions }: {
    /** The name of the runtime, which selects the test files. */
    readonly runtime: string;
    /** The code that calls `run(files)`. */
    readonly ending: string;
    /** The conditions in the `exports` of packages that a bundler for the runtime uses. */
    readonly conditions: string[];
  },
): Promise<string> {
  await install();
  const { name, exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const subpaths = Object.keys(exports).map((subpath) => JSON.stringify(name + subpath.slice(1)));
  const files = filesFor(runtime).map(({ source, stripped }) => `"${source}": () => import("./${stripped}")`);
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { run } from "node:test";
        ${subpaths.map((subpath, index) => `import * as library${index} from ${subpath};`).join("\n")}
        globalThis.library = [${subpaths.map((_, index) => `library${index}`)}];
        const files = {${files}};
        ${ending}`,
      resolveDir: folder,
    },
    alias: {
      "node:test": `${ROOT}tests/runtimes/node_test.ts`,
      "node:assert/strict": `${ROOT}tests/runtimes/node_assert_strict.ts`,
    },
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions,
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}
