/**
 * Builds the npm package: the folder `package` from the source by `deno pack`, and from that the tarball that is tested
 * and published.
 *
 * @module
 */

import { build, type Plugin } from "esbuild";
import { join, relative } from "node:path";
import { OLDEST_RELEASES } from "../src/runtime/platform.ts";
import { listFiles } from "./check_layers.ts";
import { EDGE_CONDITIONS, EDGE_MODULE, edgeModules } from "./edge_modules.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** The address of the repository. npm resolves the relative links of the README with it. */
const REPOSITORY = "https://github.com/azweb/identity";

/** The only dependencies, which npm installs with the package. */
const DEPENDENCIES = ["oauth4webapi"];

/** Optional peer dependencies: for `./testing`, for PKCS#12, and for proxies on older releases of Node. */
const OPTIONAL = ["jose", "node-forge", "undici"];

/** Optional peer dependencies of which other versions than that of `deno.json` work too: the used part is the same. */
const RANGES: Readonly<Record<string, string>> = { undici: ">=6" };

/**
 * The files that modules are joined into, as few as possible. A module belongs to the first pattern that matches its
 * path. Two kinds of modules stay separate: those that some programs do not load, or only later; and those with an
 * `import()`, which bundlers follow even if the module is unused.
 */
const CHUNKS: readonly { readonly name: string; readonly modules: RegExp }[] = [
  {
    name: "start",
    modules:
      /^src\/(errors|core\/(decoding|in_chain|internals|lazy_get_token|option_names|require_variables|settings|sleep|tenants|timeout|url|validate)|runtime\/(background|env|operating_system|platform|query_permission))\.js$/,
  },
  { name: "start", modules: /^src\/(developer_tools\/create_tool_get_token|managed_identity\/identity)/ },
  {
    name: "tools",
    modules: /^src\/(developer_tools\/load_tool|credentials\/azure_(cli|developer_cli|powershell)_credential)/,
  },
  {
    name: "machine",
    modules:
      /^src\/(credentials\/(choose_managed_identity|managed_identity_credential|workload_identity_credential)|federation\/lazy)/,
  },
  // PKCS#12 uses these too, without the token service.
  { name: "asn1", modules: /^src\/certificates\/(der|pbes2)\.js$/ },
  {
    name: "core",
    modules:
      /^src\/(core\/|runtime\/(builtin_module|files|permission|read_text|remote_fetch)\.js$|federation\/exchange_audience|credentials\/chained)/,
  },
  {
    name: "browser",
    modules: /^src\/(runtime\/page|sign_in\/browser_session|credentials\/interactive_browser_credential)\.js$/,
  },
  { name: "material", modules: /^src\/certificates\/(certificate(_material)?|pem|private_key)\.js$/ },
  {
    name: "sources",
    modules:
      /^src\/(federation\/(create_source|from_azure_pipelines|request_assertion|variables)|credentials\/azure_pipelines_credential)\.js$/,
  },
  { name: "workload", modules: /^src\/(federation\/(token_file|workload_identity)|entra\/named_file)\.js$/ },
  {
    name: "people",
    modules:
      /^src\/(options|sign_in\/(account|authorization|session|tokens|device_code)|entra\/protocol_error|credentials\/(device_code|authorization_code))/,
  },
  {
    name: "entra",
    modules:
      /^src\/(version\.js|entra\/(?!advice|assertion_advice|discovery|region)|certificates\/certificate_(auth|configuration)|credentials\/(agent_identity|environment|on_behalf|client|username|environment_identity|identity_variables))/,
  },
];

/** Empties a folder, `npm` by default, and builds the package there. Returns the path of the tarball. */
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

/**
 * The folder of the edge build in the package. A bundler uses one build for all imports, so that no module, with its
 * state, is in a bundle twice.
 */
const EDGE_FOLDER = "edge";

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
 * Joins the modules into a few files, because Node spends more time on finding fifty files than on running them.
 * Modules that several entries share get files of their own, so that their state exists once.
 */
async function joinModules(folder: string, entries: readonly string[]): Promise<void> {
  // `deno pack` takes the files that an export leads to.
  const files = (await listFiles(ROOT, "src")).filter((path) => path !== EDGE_MODULE);
  const modules = files.map((path) => path.replace(/ts$/, "js"));
  const options = {
    absWorkingDir: folder,
    entryPoints: Object.fromEntries(entries.map((path) => [path.replace(/^\.\/|\.js$/g, ""), path])),
    outbase: folder,
    chunkNames: "chunks/[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: "es2022",
    logLevel: "warning",
  } as const;
  await build({ ...options, outdir: `${folder}/${EDGE_FOLDER}`, plugins: [edgeModules(ROOT + EDGE_MODULE)] });
  const { metafile } = await build({
    ...options,
    outdir: folder,
    allowOverwrite: true,
    metafile: true,
    plugins: [{ name: "chunks", setup: (build) => joinChunks(build, folder, modules) }],
  });
  for (const module of modules) {
    if (!Object.hasOwn(metafile.outputs, module)) await Deno.remove(`${folder}/${module}`);
  }
}

/** Redirects imports of a chunk's modules to the chunk, so that esbuild writes all of them to one file. */
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

/** Adds the fields that `deno pack` does not write to the manifest. */
function completeManifest(packed: Manifest, { imports }: Configuration): Manifest {
  const own = Object.entries(packed.dependencies).filter(([name]) => !OPTIONAL.includes(name));
  const names = own.map(([name]) => name).sort();
  if (names.join() !== DEPENDENCIES.join()) {
    throw new Error(
      `Cannot build the package: It would depend on "${names.join(", ")}" instead of "${DEPENDENCIES.join(", ")}"`,
    );
  }
  const subpaths = Object.entries(packed.exports).filter(([subpath]) => subpath !== ".");
  return {
    ...packed,
    // For projects with `"module": "commonjs"`, where TypeScript does not look at `exports`.
    typesVersions: { "*": Object.fromEntries(subpaths.map(([subpath, { types }]) => [subpath.slice(2), [types]])) },
    description:
      "Microsoft Entra ID tokens on every JavaScript runtime: a drop-in for @azure/identity, from Web APIs only",
    keywords: [
      ...["azure", "entra", "microsoft-entra-id", "identity", "azure-identity", "credential", "managed-identity"],
      ...["token", "access-token", "oauth", "oauth2", "openid-connect"],
      ...["deno", "node", "bun", "cloudflare-workers", "edge", "browser"],
    ],
    repository: { type: "git", url: `git+${REPOSITORY}.git` },
    homepage: `${REPOSITORY}#readme`,
    bugs: `${REPOSITORY}/issues`,
    sideEffects: false,
    engines: enginesFrom(OLDEST_RELEASES),
    exports: Object.fromEntries(
      Object.entries(packed.exports).map(([subpath, entry]) => [subpath, withEdgeBuild(entry)]),
    ),
    files: ["mod.js", "mod.d.ts", "chunks/*.js", "edge/**/*.js", "src/**/*.js", "src/**/*.d.ts", "CHANGELOG.md"],
    dependencies: Object.fromEntries(own),
    peerDependencies: Object.fromEntries(
      OPTIONAL.map((name) => [name, RANGES[name] ?? imports[name]!.replace(/^npm:.+@/, "")]),
    ),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  };
}

/**
 * Adds the conditions of the edge build to an export. Their order matters: a bundler uses the first condition that it
 * knows, and TypeScript requires `types` to be the first.
 */
function withEdgeBuild({ types, ...others }: Manifest["exports"][string]): Manifest["exports"][string] {
  const edge = others.default.replace(/^\./, `./${EDGE_FOLDER}`);
  return { types, ...Object.fromEntries(EDGE_CONDITIONS.map((condition) => [condition, edge])), ...others };
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
