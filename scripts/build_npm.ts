/**
 * Makes the npm package: the folder `package` from the source by `deno pack`, and from that the tarball that is tested and published.
 *
 * @module
 */

import { build, type Plugin } from "esbuild";
import { join, relative } from "node:path";
import { OLDEST_RELEASES } from "../src/runtime/platform.ts";
import { listFiles } from "./check_layers.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** The only packages that are installed with this one. */
const DEPENDENCIES = ["oauth4webapi"];

/** Optional peer dependencies: for `./testing` and for PKCS#12. */
const OPTIONAL = ["jose", "node-forge"];

/**
 * Modules that become one file each; of two lines that a module fits, the first is valid. What some programs do without, or load later
 * only, stays apart; and what has an `import()` of its own, which bundlers heed in a file even where nothing uses it.
 */
const CHUNKS: readonly { readonly name: string; readonly modules: RegExp }[] = [
  { name: "transport", modules: /^src\/core\/(error_response|http|json|redact|retry)\.js$/ },
  {
    name: "start",
    modules:
      /^src\/(errors|core\/(in_chain|internals|lazy_get_token|require_variables|settings|sleep|tenants|timeout|url|validate)|runtime\/(background|env|operating_system|platform))\.js$/,
  },
  { name: "start", modules: /^src\/(developer_tools\/create_tool_get_token|managed_identity\/identity)/ },
  // Also for PKCS#12, which needs no token service.
  { name: "asn1", modules: /^src\/(core\/decoding|certificates\/(der|pbes2))\.js$/ },
  {
    name: "core",
    modules: /^src\/(core\/|runtime\/(builtin_module|files)\.js$|credentials\/chained)/,
  },
  { name: "material", modules: /^src\/certificates\/(certificate(_material)?|pem|private_key)\.js$/ },
  {
    name: "sources",
    modules:
      /^src\/federation\/(create_source|exchange_audience|from_azure_pipelines|request_assertion|variables)\.js$/,
  },
  { name: "workload", modules: /^src\/(federation\/(token_file|workload_identity)|entra\/named_file)\.js$/ },
  {
    name: "people",
    modules: /^src\/(sign_in\/(account|authorization|session|tokens)|entra\/protocol_error)\.js$/,
  },
  {
    name: "entra",
    modules:
      /^src\/(version\.js|entra\/(?!assertion_advice|discovery|region)|certificates\/certificate_(auth|configuration)|credentials\/(client|username|environment_identity|identity_variables))/,
  },
];

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
  const modules = (await listFiles(ROOT, "src")).map((path) => path.replace(/ts$/, "js"));
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: Object.fromEntries(entries.map((path) => [path.replace(/^\.\/|\.js$/g, ""), path])),
    outdir: folder,
    outbase: folder,
    chunkNames: "chunks/[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    plugins: [{ name: "chunks", setup: (build) => joinChunks(build, folder, modules) }],
    format: "esm",
    platform: "neutral",
    target: "es2022",
    allowOverwrite: true,
    metafile: true,
    logLevel: "warning",
  });
  for (const module of modules) {
    if (!Object.hasOwn(metafile.outputs, module)) await Deno.remove(`${folder}/${module}`);
  }
}

/** Lets every module, and every entry, import a chunk's modules by the chunk, so that all of them come into one file. */
function joinChunks(
  { onLoad, onResolve }: Parameters<Plugin["setup"]>[0],
  folder: string,
  modules: readonly string[],
): void {
  const chunkOf = (path: string) => CHUNKS.find(({ modules }) => modules.test(path))?.name;
  onResolve({ filter: /^\./ }, ({ importer, kind, path, resolveDir }) => {
    const target = relative(folder, join(resolveDir, path));
    const chunk = chunkOf(target);
    if (!chunk || chunk === chunkOf(relative(folder, importer))) return undefined;
    return kind === "entry-point" ? { namespace: "entry", path: target } : { namespace: "chunk", path: chunk };
  });
  onLoad({ filter: /./, namespace: "entry" }, async ({ path }) => {
    const code = await Deno.readTextFile(`${folder}/${path}`);
    const names = [...code.matchAll(/\bexport (?:class|(?:async )?function|const) (\w+)/g)].map(([, name]) => name);
    return { contents: `export { ${names.join(", ")} } from "./${path}";`, resolveDir: folder };
  });
  onLoad({ filter: /./, namespace: "chunk" }, ({ path: chunk }) => ({
    contents: modules.filter((path) => chunkOf(path) === chunk)
      .map((path) => `export * from ${JSON.stringify(`${folder}/${path}`)};`).join("\n"),
    resolveDir: folder,
  }));
}

/** Adds to what `deno pack` wrote what it cannot know. */
function completeManifest(packed: Manifest, { imports }: Configuration): Manifest {
  const own = Object.entries(packed.dependencies).filter(([name]) => !OPTIONAL.includes(name));
  const names = own.map(([name]) => name).sort();
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
    engines: enginesFrom(OLDEST_RELEASES),
    files: ["mod.js", "mod.d.ts", "chunks/*.js", "src/**/*.js", "src/**/*.d.ts", "CHANGELOG.md"],
    dependencies: Object.fromEntries(own),
    peerDependencies: Object.fromEntries(OPTIONAL.map((name) => [name, imports[name]!.replace(/^npm:.+@/, "")])),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  };
}

/** Returns the `engines` of a manifest, such as `{ node: "^20.19.0 || >=22.3.0" }`. */
function enginesFrom(oldest: typeof OLDEST_RELEASES): Record<string, string> {
  return Object.fromEntries(
    Object.entries(oldest).map(([runtime, versions]) => {
      const ranges = versions.map((version) => `${version === versions.at(-1) ? ">=" : "^"}${version.join(".")}.0`);
      return [runtime.toLowerCase(), ranges.join(" || ")];
    }),
  );
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(path));
}

if (import.meta.main) {
  const usage = 'Usage: deno task build. Makes the npm package in the folder "npm", and prints its path';
  console.log(Deno.args.includes("--help") ? usage : await buildNpm());
}
