import { cp } from "node:fs/promises";
import { cachedFolder, digestOf } from "./cached_folder.ts";
import { Unavailable } from "./outcome.ts";
import { packedPackage } from "./packed_package.ts";
import { ROOT, run } from "./run.ts";

/** Packages that the runtimes' drivers need, and the optional peer dependencies. */
const ALWAYS = ["@edge-runtime/vm", "jose", "node-forge", "undici"];

/** Git ignores this folder, and Deno leaves it alone. */
const CACHE = `${ROOT}node_modules/.cache/azweb-identity-dependencies`;

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
  for (const name of [...new Set([...packages, ...Object.keys(own), ...ALWAYS])].sort()) {
    const wanted = imports[name];
    if (wanted) dependencies[name] = specifiers[wanted]?.replace(/_.*/, "") ?? wanted.replace(/^npm:.+@/, "");
  }
  const project = JSON.stringify({ private: true, type: "module", dependencies });
  const digest = await digestOf([project, Deno.build.target]);
  const installed = await cachedFolder({ cache: CACHE, digest, build: (folder) => install(folder, project) });
  await linkFiles(installed, folder);
  await cp(packed, `${folder}/node_modules/${name}`, { recursive: true });
}

async function install(folder: string, project: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/package.json`, project);
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  const { code, stdout, stderr } = await run("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet], {
    cwd: folder,
  });
  if (code !== 0) throw new Unavailable(`npm cannot install what the tests need: ${stdout}${stderr}`);
}

/**
 * Gives each file of a folder a second name in another folder. Symbolic links to packages would not do: a test may take a package away, and
 * Node's `--permission` looks at where a link leads.
 */
async function linkFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(from)) {
    const [source, target] = [`${from}/${name}`, `${to}/${name}`];
    if (isDirectory) await linkFiles(source, target);
    else if (isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    // A temporary folder may be on another file system.
    else await Deno.link(source, target).catch(() => Deno.copyFile(source, target));
  }
}
