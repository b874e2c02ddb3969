import { buildNpm } from "./build_npm.ts";
import { Unavailable } from "./outcome.ts";
import { ROOT, run } from "./run.ts";

/** Also installed: what the runtimes' drivers and the library's optional part import. */
const ALWAYS = ["@edge-runtime/vm", "node-forge"];

/**
 * Makes an npm project of a folder, with the packed package installed as a user would, and beside it those of the packages that
 * `deno.json` names, in the versions of `deno.lock`: what Node and Bun run, and what the bundles for the others are made from.
 */
export async function makeTestProject(folder: string, packages: readonly string[]): Promise<void> {
  const tarball = await buildNpm(`${folder}/npm`);
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const { specifiers } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  const dependencies: Record<string, string> = { "@azweb/identity": `file:${tarball}` };
  for (const name of [...packages, ...ALWAYS]) {
    const wanted = imports[name];
    if (wanted) dependencies[name] = specifiers[wanted]?.replace(/_.*/, "") ?? wanted.replace(/^npm:.+@/, "");
  }
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module", dependencies }));
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  const { code, stdout, stderr } = await run("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet], {
    cwd: folder,
  });
  if (code !== 0) throw new Unavailable(`npm cannot install what the tests need: ${stdout}${stderr}`);
}
