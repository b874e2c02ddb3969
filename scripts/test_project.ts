import { cp } from "node:fs/promises";
import { Unavailable } from "./outcome.ts";
import { packedPackage } from "./packed_package.ts";
import { ROOT, run } from "./run.ts";

/** What is needed besides: by the runtimes' drivers, and by the package's optional part. */
const ALWAYS = ["@edge-runtime/vm", "node-forge"];

/**
 * Makes an npm project of a folder, with the packed package as npm installs it, and beside it the given packages and those that it
 * depends on, in the versions of `deno.lock`: what Node and Bun run, and what the bundles for the others are made from. Names that `deno.json`
 * does not have are ignored: they are built-in modules.
 */
export async function makeTestProject(folder: string, packages: readonly string[]): Promise<void> {
  const { name, imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const { specifiers } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  const packed = await packedPackage();
  const { dependencies: own } = JSON.parse(await Deno.readTextFile(`${packed}/package.json`));
  const dependencies: Record<string, string> = {};
  for (const name of [...packages, ...Object.keys(own), ...ALWAYS]) {
    const wanted = imports[name];
    if (wanted) dependencies[name] = specifiers[wanted]?.replace(/_.*/, "") ?? wanted.replace(/^npm:.+@/, "");
  }
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module", dependencies }));
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  // Real copies: a test may take a package away, and Node's `--permission` looks at where a link leads.
  const { code, stdout, stderr } = await run("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet], {
    cwd: folder,
  });
  if (code !== 0) throw new Unavailable(`npm cannot install what the tests need: ${stdout}${stderr}`);
  await cp(packed, `${folder}/node_modules/${name}`, { recursive: true });
}
