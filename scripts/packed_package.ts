/**
 * The npm package as npm installs it, made once for each state of the source.
 *
 * @module
 */
import { buildNpm } from "./build_npm.ts";
import { cachedFolder, digestOf, hexOf } from "./cached_folder.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** All that the package is made from and by. `deno.lock` holds the version of esbuild. */
const SOURCES = [
  ...["mod.ts", "src", "deno.json", "deno.lock", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["scripts/build_npm.ts", "scripts/check_layers.ts", "scripts/edge_modules.ts"],
];

/** Git ignores this folder, and Deno leaves it alone. */
const CACHE = "node_modules/.cache/azweb-identity-package";

/** What {@linkcode packedPackage} accepts. */
export interface PackedPackageOptions {
  /** The root of the project. Default: that of this one. */
  readonly root?: string;
  /** Writes the files of the package to a folder. Default: those of its tarball. */
  readonly build?: (folder: string) => Promise<void>;
}

/** Returns the path of a folder that holds the files of the package, and makes it if anything has changed since it was made. */
export async function packedPackage({ root = ROOT, build = buildFiles }: PackedPackageOptions = {}): Promise<string> {
  const digest = await digestOf([Deno.version.deno, await listDigests(root)]);
  return await cachedFolder({ cache: `${root}${CACHE}`, digest, build });
}

async function buildFiles(folder: string): Promise<void> {
  const scratch = await Deno.makeTempDir();
  try {
    const tarball = await buildNpm(scratch);
    await runOrThrow("tar", ["xzf", tarball, "-C", folder, "--strip-components=1"]);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Returns the path and a digest of each file of the sources and of what makes the package. */
async function listDigests(root: string): Promise<[path: string, digest: string][]> {
  const files = (await Promise.all(SOURCES.map((source) => listFiles(root, source)))).flat().sort();
  return await Promise.all(
    files.map(async (file) => [file, hexOf(await crypto.subtle.digest("SHA-256", await Deno.readFile(root + file)))]),
  );
}

/** Returns the path if it is a file's, and the files below it if it is a folder's. */
async function listFiles(root: string, path: string): Promise<string[]> {
  if ((await Deno.stat(root + path)).isFile) return [path];
  const entries = await Array.fromAsync(Deno.readDir(root + path));
  return (await Promise.all(entries.map(({ name }) => listFiles(root, `${path}/${name}`)))).flat();
}
