/**
 * The npm package as npm installs it, built once for each state of the source.
 *
 * @module
 */
import { buildNpm } from "./build_npm.ts";
import { cachedFolder, digestOf, hexOf } from "./cached_folder.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** The sources of the package and the files that build it. `deno.lock` contains the version of esbuild. */
const SOURCES = [
  ...["mod.ts", "src", "deno.json", "deno.lock", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["scripts/build_npm.ts", "scripts/check_layers.ts", "scripts/edge_modules.ts"],
];

/** The folder for caches, which Git and Deno ignore. */
const CACHE = "node_modules/.cache/azweb-identity-package";

/** What {@linkcode packedPackage} accepts. */
export interface PackedPackageOptions {
  /** The root of the project. Default: this project's. */
  readonly root?: string;
  /** Writes the files of the package to a folder. Default: unpacks the tarball. */
  readonly build?: (folder: string) => Promise<void>;
}

/**
 * Returns the path of a folder with the files of the package. Builds it unless it is cached for this state of the
 * source.
 */
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

/** Returns the path and a digest of each file that the package is built from or by. */
async function listDigests(root: string): Promise<[path: string, digest: string][]> {
  const files = (await Promise.all(SOURCES.map((source) => listFiles(root, source)))).flat().sort();
  return await Promise.all(
    files.map(async (file) => [file, hexOf(await crypto.subtle.digest("SHA-256", await Deno.readFile(root + file)))]),
  );
}

/** Returns the path itself for a file, or the files in a folder. */
async function listFiles(root: string, path: string): Promise<string[]> {
  if ((await Deno.stat(root + path)).isFile) return [path];
  const entries = await Array.fromAsync(Deno.readDir(root + path));
  return (await Promise.all(entries.map(({ name }) => listFiles(root, `${path}/${name}`)))).flat();
}
