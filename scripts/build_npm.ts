/**
 * Makes the npm package: the folder `package` from the source by `deno pack`, and from that the tarball that is tested and published.
 *
 * @module
 */

import { build } from "esbuild";
import { ROOT, runOrThrow } from "./run.ts";

/** The only packages that come along. */
const DEPENDENCIES = ["jose", "oauth4webapi"];

/** Used if the user has it: for PKCS#12. */
const OPTIONAL = "node-forge";

/** Builds the package in a folder, `npm` by default, which is emptied first; returns the path of its tarball. */
export async function buildNpm(folder: string = `${ROOT}npm`): Promise<string> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const source = `${folder}/package`;
  await runOrThrow(Deno.execPath(), ["pack", "--no-source-maps", "--allow-dirty", "--output", `${folder}/packed.tgz`]);
  await runOrThrow("tar", ["xzf", "packed.tgz"], { cwd: folder });
  await Deno.remove(`${folder}/packed.tgz`);

  const packed = await readJson<Manifest>(`${source}/package.json`);
  await joinModules(source, Object.values(packed.exports).map((entry) => entry.default));
  const manifest = completeManifest(packed, await readJson(`${ROOT}deno.json`));
  await Deno.writeTextFile(`${source}/package.json`, JSON.stringify(manifest, null, 2) + "\n");
  const name = await runOrThrow("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: source });
  return `${folder}/${name.trim()}`;
}

interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly default: string; readonly types: string }>>;
  readonly [member: string]: unknown;
}

interface Configuration {
  readonly imports: Readonly<Record<string, string>>;
}

/**
 * Joins the modules behind each entry into few files, and those that several entries share into files of their own, so that their state
 * stays one: Node spends more time on finding fifty files than on what is in them.
 */
async function joinModules(folder: string, entries: readonly string[]): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [...entries],
    outdir: folder,
    outbase: folder,
    chunkNames: "chunks/[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: "es2022",
    allowOverwrite: true,
    metafile: true,
    logLevel: "warning",
  });
  for (const input of Object.keys(metafile.inputs)) {
    if (!Object.hasOwn(metafile.outputs, input)) await Deno.remove(`${folder}/${input}`);
  }
}

/** Adds to what `deno pack` wrote what it cannot know. */
function completeManifest(packed: Manifest, { imports }: Configuration): Manifest {
  const { [OPTIONAL]: _, ...dependencies } = packed.dependencies;
  const names = Object.keys(dependencies).sort();
  if (names.join() !== DEPENDENCIES.join()) {
    throw new Error(
      `Cannot build the package: it would depend on "${names.join(", ")}"; may be: "${DEPENDENCIES.join(", ")}"`,
    );
  }
  const subpaths = Object.entries(packed.exports).filter(([subpath]) => subpath !== ".");
  return {
    ...packed,
    // For projects with `"module": "commonjs"`, where TypeScript does not look at `exports`.
    typesVersions: { "*": Object.fromEntries(subpaths.map(([subpath, { types }]) => [subpath.slice(2), [types]])) },
    description:
      "Microsoft Entra ID tokens on every JavaScript runtime: a drop-in for @azure/identity, from Web APIs only",
    keywords: ["azure", "entra", "identity", "credential", "token", "oauth", "deno", "node", "bun", "workers", "edge"],
    sideEffects: false,
    engines: { node: ">=20.19" },
    files: ["mod.js", "mod.d.ts", "chunks/*.js", "src/**/*.js", "src/**/*.d.ts", "CHANGELOG.md"],
    dependencies,
    peerDependencies: { [OPTIONAL]: imports[OPTIONAL]!.replace(/^npm:.+@/, "") },
    peerDependenciesMeta: { [OPTIONAL]: { optional: true } },
  };
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(path));
}

if (import.meta.main) console.log(await buildNpm());
