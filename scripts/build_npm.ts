/**
 * Makes the npm package: `npm/package` from the source by `deno pack`, and from that the tarball that is tested and published.
 *
 * @module
 */

import { ROOT, runOrThrow } from "./run.ts";

const FOLDER = `${ROOT}npm/package`;

/** The only packages that come along. */
const DEPENDENCIES = ["jose", "oauth4webapi"];

/** Used if the user has it: for PKCS#12. */
const OPTIONAL = "node-forge";

/** Builds the package; returns the path of its tarball. */
export async function buildNpm(): Promise<string> {
  await Deno.remove(`${ROOT}npm`, { recursive: true }).catch(() => {});
  await Deno.mkdir(FOLDER, { recursive: true });
  const packed = `${ROOT}npm/packed.tgz`;
  await runOrThrow(Deno.execPath(), ["pack", "--no-source-maps", "--allow-dirty", "--output", packed]);
  await runOrThrow("tar", ["xzf", packed, "-C", `${ROOT}npm`]);
  await Deno.remove(packed);

  const manifest = completeManifest(await readJson(`${FOLDER}/package.json`), await readJson(`${ROOT}deno.json`));
  await Deno.writeTextFile(`${FOLDER}/package.json`, JSON.stringify(manifest, null, 2) + "\n");
  const name = await runOrThrow("npm", ["pack", "--silent", "--pack-destination", `${ROOT}npm`], { cwd: FOLDER });
  return `${ROOT}npm/${name.trim()}`;
}

interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

interface Configuration {
  readonly imports: Readonly<Record<string, string>>;
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
  return {
    ...packed,
    description:
      "Microsoft Entra ID tokens on every JavaScript runtime: a drop-in for @azure/identity, from Web APIs only",
    keywords: ["azure", "entra", "identity", "credential", "token", "oauth", "deno", "node", "bun", "workers", "edge"],
    sideEffects: false,
    engines: { node: ">=20.19" },
    files: ["mod.js", "mod.d.ts", "src/**/*.js", "src/**/*.d.ts", "CHANGELOG.md"],
    dependencies,
    peerDependencies: { [OPTIONAL]: imports[OPTIONAL]!.replace(/^npm:.+@/, "") },
    peerDependenciesMeta: { [OPTIONAL]: { optional: true } },
  };
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(path));
}

if (import.meta.main) console.log(await buildNpm());
