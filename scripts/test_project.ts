import { cp } from "node:fs/promises";
import { cachedFolder, digestOf } from "./cached_folder.ts";
import { Unavailable } from "./outcome.ts";
import { packedPackage } from "./packed_package.ts";
import { ROOT, run } from "./run.ts";

/** Packages that the test runs themselves need, and the optional peer dependencies. */
const ALWAYS = ["@edge-runtime/vm", "jose", "node-forge", "undici"];

/** The folder for caches, which Git and Deno ignore. */
const CACHE = `${ROOT}node_modules/.cache/azweb-identity-dependencies`;

/**
 * Makes a folder an npm project: Node and Bun run the tests in it, and the bundles for the other runtimes are built
 * from it. Installs the packed package, its dependencies and the given packages, in the versions of `deno.lock`. Names
 * that `deno.json` does not contain are ignored, because they are built-in modules.
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
 * Links each file of a folder into another folder by a hard link. Symbolic links to packages do not suffice: a test may
 * remove a package, and Node's `--permission` checks the target of a link.
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
