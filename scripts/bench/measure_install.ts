import { runOrThrow } from "../run.ts";

/** The measurement of an installed package. */
export interface Install {
  readonly version: string;
  /** Number of packages besides the package itself. */
  readonly dependencies: number;
  /** The disk space of the package and its dependencies, in bytes. */
  readonly bytes: number;
}

const QUIET = ["--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];

/** Installs packages into a folder, which may already contain others. */
export async function install(folder: string, packages: readonly string[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true, "type": "module" }', { createNew: true })
    .catch(() => {});
  await runOrThrow("npm", ["install", ...QUIET, ...packages], { cwd: folder });
}

/** Installs a package alone and measures the installation. */
export async function measureInstall(folder: string, source: string, name: string): Promise<Install> {
  await install(folder, [source]);
  const { packages } = JSON.parse(await Deno.readTextFile(`${folder}/node_modules/.package-lock.json`));
  return {
    version: packages[`node_modules/${name}`].version,
    dependencies: Object.keys(packages).length - 1,
    bytes: await sizeOf(`${folder}/node_modules`),
  };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    if (isDirectory) bytes += await sizeOf(`${folder}/${name}`);
    else if (isFile) bytes += spaceOf(await Deno.stat(`${folder}/${name}`));
  }
  return bytes;
}

/** Returns the disk space of a file: its blocks where the system reports them, else its size. */
function spaceOf({ size, blocks }: Deno.FileInfo): number {
  return blocks === null ? size : blocks * 512;
}
