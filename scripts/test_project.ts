import { cp } from "node:fs/promises";
import { packedPackage } from "./packed_package.ts";
import { ROOT } from "./run.ts";

/** What is needed besides: by the runtimes' drivers, and by the package's optional part. */
const ALWAYS = ["@edge-runtime/vm", "node-forge"];

/**
 * Makes an npm project of a folder, with the packed package as npm installs it, and beside it the given packages and those that it
 * depends on: what Node and Bun run, and what the bundles for the others are made from. The packages are those that Deno has installed
 * for this project, in the versions of `deno.lock`. Names that `deno.json` does not have are ignored: they are built-in modules.
 */
export async function makeTestProject(folder: string, packages: readonly string[]): Promise<void> {
  const { name, imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const installed = `${folder}/node_modules/${name}`;
  await cp(await packedPackage(), installed, { recursive: true });
  const { dependencies } = JSON.parse(await Deno.readTextFile(`${installed}/package.json`));
  for (const name of new Set([...packages, ...Object.keys(dependencies), ...ALWAYS])) {
    if (imports[name]?.startsWith("npm:")) await link(`${ROOT}node_modules/${name}`, `${folder}/node_modules/${name}`);
  }
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module" }));
}

async function link(from: string, to: string): Promise<void> {
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.symlink(await Deno.realPath(from), to, { type: "junction" });
}
