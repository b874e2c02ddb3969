/**
 * Bundles an application for each import in `ENTRIES`. Checks the sizes of the bundle against the budgets in
 * `size_budgets.json`, and the modules that are loaded at once against those that the import may load. With `--update`
 * it replaces the budgets with the measured sizes plus 3%.
 *
 * @module
 */

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin, stop } from "esbuild";
import { EDGE_MODULE, edgeModules } from "./edge_modules.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/**
 * Groups of modules, by prefixes of their paths or by the name of a package. A module belongs to the family with the
 * longest matching prefix.
 */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  contracts: [
    ...["src/authority_hosts", "src/bearer_token_provider", "src/errors", "src/incumbent_exports", "src/version"],
    ...["src/core/encoding", "src/core/in_chain"],
  ],
  platform: ["platform", "builtin_module", "env", "permission", "query_permission", "read_text", "remote_fetch"]
    .map((name) => `src/runtime/${name}`),
  files: ["src/runtime/"],
  core: ["src/core/", "src/federation/lazy_workload_identity"],
  waiting: [
    ...[
      "bound",
      "claims",
      "freshness",
      "internals",
      "keep_alive",
      "lru_cache",
      "sleep",
      "timeout",
      "unavailable",
      "unknown_errors",
    ].map((name) => `src/core/${name}`),
    "src/runtime/background",
  ],
  machine: ["src/managed_identity/identity", "src/credentials/choose_managed_identity"],
  managedIdentity: ["src/managed_identity/"],
  chain: ["src/core/chain", "src/core/chain_report", "src/core/interim"],
  entra: ["src/entra/", "src/federation/token_", "src/federation/workload_identity", "src/sign_in/", "oauth4webapi"],
  federation: ["src/federation/", "src/entra/named_file"],
  sources: ["create_source", "exchange_audience", "request_assertion", "variables"].map((name) =>
    `src/federation/${name}`
  ),
  gitHub: ["src/federation/from_github_actions"],
  azurePipelines: ["src/federation/from_azure_pipelines"],
  certificates: ["src/certificates/"],
  people: ["src/authentication_record", "src/options", "src/runtime/page"],
  web: ["src/web/"],
  http: ["src/http/"],
  credentials: ["src/credentials/"],
  tool: ["src/developer_tools/create_tool_get_token", "src/developer_tools/load_tool", "src/runtime/operating_system"],
  developerTools: ["src/developer_tools/"],
  pkcs12: ["src/pkcs12", "src/certificates/pkcs12_content", "src/certificates/node_forge", "node-forge"],
  testing: ["src/testing/"],
};

/** An import of an application, and the modules that it may load. */
export interface Entry {
  /** The imported name; `"*"` for all names. */
  readonly name: string;
  /** The subpath that it is imported from, as in deno.json. */
  readonly from: string;
  /** The families that may be loaded at once, besides the file of the subpath. */
  readonly families: readonly string[];
}

/** Number of bytes, minified and gzipped. */
export interface Sizes {
  /** Without what `import()` loads. */
  readonly atOnce: number;
  /** With what `import()` loads, as for bundlers without code splitting, such as that of wrangler. */
  readonly onePiece: number;
  /** In one piece, in the build for edge runtimes. */
  readonly edge: number;
}

const KINDS: Readonly<Record<keyof Sizes, string>> = {
  atOnce: "at once",
  onePiece: "in one piece",
  edge: "on edge runtimes",
};

const CORE: readonly string[] = ["contracts", "platform", "waiting", "core"];
const TOKENS: readonly string[] = [...CORE, "entra"];
const CERTIFICATES: readonly string[] = [...TOKENS, "certificates", "files"];
const COMPOSITION: readonly string[] = [...CERTIFICATES, "credentials"];
const PEOPLE: readonly string[] = [...TOKENS, "people"];
const COMPLETE: readonly string[] = [...COMPOSITION, "chain", "machine", "tool"];
const FEDERATION: readonly string[] = [...CORE, "federation", "sources", "gitHub", "azurePipelines", "files", "tool"];
const TOOL: readonly string[] = [...CORE, "tool"];

const ENTRIES: readonly Entry[] = [
  { name: "ClientSecretCredential", from: ".", families: [...TOKENS] },
  { name: "ManagedIdentityCredential", from: ".", families: [...CORE, "machine"] },
  { name: "DefaultAzureCredential", from: ".", families: COMPLETE },
  { name: "AzureAuthorityHosts", from: ".", families: ["contracts"] },
  { name: "getBearerTokenProvider", from: ".", families: ["contracts"] },
  { name: "*", from: ".", families: [...COMPLETE, "people", "sources", "azurePipelines"] },
  { name: "*", from: "./agent-identity-credential", families: [...CERTIFICATES, "sources"] },
  { name: "*", from: "./azure-cli-credential", families: TOOL },
  { name: "*", from: "./azure-developer-cli-credential", families: TOOL },
  { name: "*", from: "./azure-powershell-credential", families: TOOL },
  { name: "*", from: "./authorization-code-credential", families: PEOPLE },
  { name: "*", from: "./azure-pipelines-credential", families: [...TOKENS, "sources", "azurePipelines"] },
  { name: "*", from: "./device-code-credential", families: PEOPLE },
  { name: "*", from: "./interactive-browser-credential", families: PEOPLE },
  { name: "*", from: "./on-behalf-of-credential", families: [...CERTIFICATES] },
  { name: "*", from: "./chained-token-credential", families: ["contracts", "waiting", "chain"] },
  { name: "*", from: "./client-assertion-credential", families: TOKENS },
  { name: "*", from: "./client-certificate-credential", families: CERTIFICATES },
  { name: "*", from: "./client-secret-credential", families: [...TOKENS] },
  { name: "*", from: "./default-azure-credential", families: COMPLETE },
  { name: "*", from: "./environment-credential", families: COMPOSITION },
  { name: "*", from: "./managed-identity-credential", families: [...CORE, "machine"] },
  { name: "*", from: "./username-password-credential", families: TOKENS },
  { name: "*", from: "./workload-identity-credential", families: CORE },
  { name: "*", from: "./web-sign-in", families: [...CERTIFICATES, "web"] },
  { name: "*", from: "./fetch", families: ["contracts", "waiting", "core", "http"] },
  { name: "*", from: "./federation", families: FEDERATION },
  { name: "fromGitHubActions", from: "./federation", families: [...CORE, "sources", "gitHub"] },
  { name: "*", from: "./pkcs12", families: ["contracts", "certificates", "pkcs12"] },
  { name: "*", from: "./runtime", families: ["platform", "files", "tool", "waiting"] },
  { name: "*", from: "./testing", families: ["contracts", "certificates", "testing"] },
  { name: "StaticCredential", from: "./testing", families: ["testing"] },
];

/** A part of a bundle: the modules that are loaded at once, or those that an `import()` loads later. */
export interface Part {
  readonly minified: number;
  readonly gzip: number;
  /** The paths of the modules, relative to the root of the project, and the names of packages. */
  readonly modules: readonly string[];
  readonly text: string;
}

/** Returns the modules that are loaded at once and may not be. */
export function checkModules(part: Part, entry: Entry, own: readonly string[]): Problem[] {
  const carried: readonly string[] = entry.families;
  return part.modules.filter((module) => !own.includes(module) && !carried.includes(familyOf(module) ?? ""))
    .map((module) => ({ where: importOf(entry), what: `Loads ${module} at once` }));
}

/** Returns the sizes that exceed their budgets. */
export function checkSizes(where: string, sizes: Sizes, budget: Sizes | undefined): Problem[] {
  if (!budget) return [{ where, what: "There is no budget: run scripts/check_size.ts with --update" }];
  const kinds = Object.keys(KINDS) as (keyof Sizes)[];
  return kinds.filter((kind) => !(sizes[kind] <= budget[kind])).map((kind) => ({
    where,
    what: `${sizes[kind]} bytes ${KINDS[kind]}, with a budget of ${budget[kind]}`,
  }));
}

/** Returns the subpaths without an entry that imports all of their names. */
export function checkEntries(subpaths: readonly string[], entries: readonly Entry[] = ENTRIES): Problem[] {
  return subpaths.filter((subpath) => !entries.some(({ name, from }) => name === "*" && from === subpath))
    .map((subpath) => ({ where: "scripts/check_size.ts", what: `No entry imports all of "${subpath}"` }));
}

function familyOf(module: string): string | undefined {
  const fits = Object.entries(FAMILIES).flatMap(([name, beginnings]) =>
    beginnings.filter((beginning) => module.startsWith(beginning)).map((beginning) => ({ name, beginning }))
  );
  return fits.sort((a, b) => b.beginning.length - a.beginning.length)[0]?.name;
}

function importOf({ name, from }: Entry): string {
  return `${name === "*" ? "*" : `{ ${name} }`} from "${from.replace(".", "@azweb/identity")}"`;
}

/** Tells esbuild that the modules have no side effects, which package.json can declare and deno.json cannot. */
function withoutSideEffects(files: Readonly<Record<string, string>>): Plugin {
  return {
    name: "without-side-effects",
    setup({ onResolve }) {
      onResolve({ filter: /^(@azweb\/identity|\.)/ }, ({ path, resolveDir }) => ({
        path: files[path] ?? fileURLToPath(new URL(path, `file://${resolveDir}/`)),
        sideEffects: false,
      }));
    },
  };
}

/** Bundles a program without a specific platform. The first part is loaded at once. */
export async function bundle(
  program: string,
  root: string,
  files: Readonly<Record<string, string>>,
  { splitting = true, plugins = [] }: {
    /** Whether the modules that `import()` loads are parts of their own. */
    readonly splitting?: boolean;
    readonly plugins?: readonly Plugin[];
  } = {},
): Promise<Part[]> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    external: ["node-forge"], // An optional peer dependency.
    format: "esm",
    legalComments: "none",
    mainFields: ["module", "main"],
    metafile: true,
    minify: true,
    outdir: "out",
    platform: "neutral",
    plugins: [...plugins, withoutSideEffects(files)],
    splitting,
    write: false,
  });
  const contents = new Map(outputFiles.map(({ path, contents }) => [relative(root, path), contents]));
  const paths = Object.keys(metafile.outputs);
  const first = paths.find((path) => metafile.outputs[path]!.entryPoint === "<stdin>")!;

  const atOnce = new Set<string>();
  function load(path: string) {
    if (atOnce.has(path)) return;
    atOnce.add(path);
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind === "import-statement") load(next);
    }
  }
  load(first);

  return [[...atOnce], ...paths.filter((path) => !atOnce.has(path)).map((path) => [path])].map((paths) => {
    const modules = paths.flatMap((path) => Object.entries(metafile.outputs[path]?.inputs ?? { [path]: undefined }))
      .filter(([path, input]) => path !== "<stdin>" && input?.bytesInOutput !== 0)
      .map(([path]) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path);
    const chunks = paths.flatMap((path) => contents.get(path) ?? []);
    const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("\n");
    return {
      minified: chunks.reduce((sum, { length }) => sum + length, 0),
      // Compressed together, because the number of files depends on the bundler.
      gzip: gzipSync(text, { level: 9 }).length,
      modules: [...new Set(modules)],
      text,
    };
  });
}

if (import.meta.main) {
  const { name, exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    name: string;
    exports: Record<string, string>;
  };
  const files = Object.fromEntries(
    Object.entries(exports).map(([subpath, file]) => [subpath.replace(".", name), ROOT + file.replace("./", "")]),
  );
  const path = new URL("size_budgets.json", import.meta.url);
  const budgets: Record<string, Sizes> = JSON.parse(await Deno.readTextFile(path));
  const measured: Record<string, Sizes> = {};
  const problems = checkEntries(Object.keys(exports));
  console.log("   at once    budget one piece    budget      edge    budget");
  const plugins = [edgeModules(ROOT + EDGE_MODULE)];
  for (const entry of ENTRIES) {
    const names = entry.name === "*" ? "*" : `{ ${entry.name} }`;
    const program = `export ${names} from "${entry.from.replace(".", name)}";`;
    const [first, ...later] = await bundle(program, ROOT, files);
    const [whole] = await bundle(program, ROOT, files, { splitting: false });
    const [edge] = await bundle(program, ROOT, files, { splitting: false, plugins });
    // Each bundle may contain more than what is loaded at once: with code splitting, also what only an unused module
    // loads by `import()`; in one piece, what is loaded later. Both contain what is loaded at once.
    const gzip = Math.min(first!.gzip, whole!.gzip);
    const modules = first!.modules.filter((module) => whole!.modules.includes(module));
    const kebab = entry.name.replace(/(?<=.)([A-Z])/g, "-$1").toLowerCase();
    const own = [exports[entry.from], exports[`./${kebab}`]].flatMap((file) => file?.replace("./", "") ?? []);
    const where = importOf(entry);
    const sizes = { atOnce: gzip, onePiece: whole!.gzip, edge: edge!.gzip };
    measured[where] = {
      atOnce: withAir(sizes.atOnce),
      onePiece: withAir(sizes.onePiece),
      edge: withAir(sizes.edge),
    };
    const budget = budgets[where];
    const cells = (Object.keys(KINDS) as (keyof Sizes)[]).flatMap((kind) => [sizes[kind], budget?.[kind] ?? ""]);
    console.log(cells.map((cell) => String(cell).padStart(10)).join(""), "", where);
    for (const { gzip, modules } of later) {
      console.log(`${String(gzip).padStart(10)}${"later".padStart(10)}  `, modules.join(" "));
    }
    problems.push(...checkModules({ ...first!, modules }, entry, own));
    if (!Deno.args.includes("--update")) problems.push(...checkSizes(where, sizes, budget));
  }
  await stop();
  if (Deno.args.includes("--update")) await Deno.writeTextFile(path, `${JSON.stringify(measured, undefined, 2)}\n`);
  report(problems);
}

/** Adds 3% and rounds the result. */
function withAir(bytes: number): number {
  return Math.ceil(bytes * 1.03 / 10) * 10;
}
