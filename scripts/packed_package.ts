/**
 * The npm package as npm installs it, made once for each state of the source.
 *
 * @module
 */
import { buildNpm } from "./build_npm.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** All that the package is made from and by. `deno.lock` holds the version of esbuild. */
const SOURCES = [
  ...["mod.ts", "src", "deno.json", "deno.lock", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["scripts/build_npm.ts", "scripts/check_layers.ts"],
];

/** Git ignores this folder, and Deno leaves it alone. */
const CACHE = "node_modules/.cache/azweb-identity-package";

/** Number of states that are kept, so that two branches can be worked on in turns. */
const KEPT = 5;

/** What {@linkcode packedPackage} accepts. */
export interface PackedPackageOptions {
  /** The root of the project. Default: that of this one. */
  readonly root?: string;
  /** Writes the files of the package to a folder. Default: those of its tarball. */
  readonly build?: (folder: string) => Promise<void>;
}

/** Returns the path of a folder that holds the files of the package, and makes it if anything has changed since it was made. */
export async function packedPackage({ root = ROOT, build = buildFiles }: PackedPackageOptions = {}): Promise<string> {
  const cache = `${root}${CACHE}`;
  const path = `${cache}/${await digestOf(root)}`;
  const now = new Date();
  // The time of the last use.
  if (await Deno.utime(path, now, now).then(() => true, () => false)) return path;
  await Deno.mkdir(cache, { recursive: true });
  const unfinished = await Deno.makeTempDir({ dir: cache });
  try {
    await build(unfinished);
    // Another process may have made the same meanwhile.
    await Deno.rename(unfinished, path).catch(() => Deno.stat(path));
  } finally {
    await Deno.remove(unfinished, { recursive: true }).catch(() => {});
  }
  await removeOldest(cache);
  return path;
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

/** Returns a digest of the sources and of what makes the package. */
async function digestOf(root: string): Promise<string> {
  const files = (await Promise.all(SOURCES.map((source) => listFiles(root, source)))).flat().sort();
  const parts = await Promise.all(files.map(async (file) => {
    const bytes = await Deno.readFile(root + file);
    return [file, hexOf(await crypto.subtle.digest("SHA-256", bytes))];
  }));
  const all = new TextEncoder().encode(JSON.stringify([Deno.version.deno, parts]));
  return hexOf(await crypto.subtle.digest("SHA-256", all)).slice(0, 32);
}

/** Returns the path if it is a file's, and the files below it if it is a folder's. */
async function listFiles(root: string, path: string): Promise<string[]> {
  if ((await Deno.stat(root + path)).isFile) return [path];
  const entries = await Array.fromAsync(Deno.readDir(root + path));
  return (await Promise.all(entries.map(({ name }) => listFiles(root, `${path}/${name}`)))).flat();
}

function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function removeOldest(cache: string): Promise<void> {
  const entries = await Promise.all((await Array.fromAsync(Deno.readDir(cache))).map(async ({ name }) => {
    const path = `${cache}/${name}`;
    return { path, time: Number((await Deno.stat(path).catch(() => undefined))?.mtime ?? 0) };
  }));
  for (const { path } of entries.sort((a, b) => b.time - a.time).slice(KEPT)) {
    await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}
