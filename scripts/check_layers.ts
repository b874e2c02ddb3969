/**
 * Checks the imports of Deno's module graph against the table below. The rules that can be checked in a single file
 * (globals of one runtime, `console`, default exports, inheritance) are in `lint_plugin.ts`.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { EDGE_MODULE } from "./edge_modules.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** A row of the table. */
interface Layer {
  readonly name: string;
  /** Its files. A file belongs to the first layer that matches its path. */
  readonly files: RegExp;
  /** The layers and the packages that its files may import. */
  readonly may: readonly string[];
  /** The packages that its files may import by `import()`, so that they are loaded only when they are used. */
  readonly mayLater?: readonly string[];
}

/**
 * The layers and their permitted imports. Each file may also import types from the contracts and from
 * `src/runtime/runtime.ts`, and types of the packages that it may import. No file may import a `node:` module.
 */
export const LAYERS: readonly Layer[] = [
  { name: "mod.ts", files: /^mod\.ts$/, may: ["contracts", "credentials"] },
  { name: "pkcs12", files: /^src\/pkcs12\.ts$/, may: ["contracts", "certificates"], mayLater: ["node-forge"] },
  { name: "contracts", files: /^src\/[^/]+\.ts$/, may: ["contracts"] },
  { name: "encoding", files: /^src\/core\/encoding\.ts$/, may: [] },
  { name: "background", files: /^src\/runtime\/background\.ts$/, may: [] },
  { name: "runtime", files: /^src\/runtime\//, may: ["contracts", "runtime", "background"] },
  { name: "core", files: /^src\/core\/(settings|http)\.ts$/, may: ["contracts", "core", "encoding", "runtime"] },
  { name: "core", files: /^src\/core\//, may: ["contracts", "core", "encoding", "background"] },
  {
    name: "entra",
    files: /^src\/entra\//,
    may: ["contracts", "core", "encoding", "runtime", "entra", "oauth4webapi"],
  },
  {
    name: "certificates",
    files: /^src\/certificates\//,
    may: ["contracts", "core", "encoding", "runtime", "entra", "certificates", "oauth4webapi"],
  },
  {
    name: "federation",
    files: /^src\/federation\//,
    may: [
      ...["contracts", "core", "encoding", "runtime", "entra", "certificates", "federation", "developer_tools"],
      "oauth4webapi",
    ],
  },
  {
    name: "sign_in",
    files: /^src\/sign_in\//,
    may: ["contracts", "core", "encoding", "runtime", "background", "entra", "sign_in", "oauth4webapi"],
  },
  {
    name: "managed_identity",
    files: /^src\/managed_identity\//,
    may: ["contracts", "core", "encoding", "runtime", "managed_identity"],
  },
  {
    name: "developer_tools",
    files: /^src\/developer_tools\//,
    may: ["contracts", "core", "encoding", "runtime", "developer_tools"],
  },
  {
    name: "credentials",
    files:
      /^src\/credentials\/((managed_identity|default_azure|environment)_credential|default_chain|\w+_identity)\.ts$/,
    may: [
      ...["contracts", "core", "encoding", "runtime", "entra", "certificates", "federation", "sign_in"],
      ...["managed_identity", "developer_tools", "credentials"],
    ],
  },
  {
    name: "credentials",
    files: /^src\/credentials\//,
    may: [
      ...["contracts", "core", "encoding", "runtime", "entra", "certificates", "federation", "sign_in"],
      ...["managed_identity", "developer_tools"],
    ],
  },
  {
    name: "web",
    files: /^src\/web\//,
    may: ["contracts", "core", "encoding", "runtime", "entra", "certificates", "sign_in", "web", "oauth4webapi"],
  },
  { name: "http", files: /^src\/http\//, may: ["contracts", "core", "encoding", "http"] },
  { name: "testing", files: /^src\/testing\//, may: ["contracts", "encoding", "testing"], mayLater: ["jose"] },
];

/** An import in the module graph. */
export interface Import {
  /** The path of the importing file, relative to the root of the project. */
  readonly from: string;
  readonly line: number;
  /**
   * The path of the imported file, relative to the root of the project; or the name of a package; or a `node:`
   * specifier.
   */
  readonly to: string;
  readonly kind: "type" | "value" | "dynamic";
}

/**
 * Returns the imports that the table does not permit, the import cycles, the unreachable files and the files without a
 * layer.
 */
export function checkLayers(
  imports: readonly Import[],
  files: readonly string[],
  entries: readonly string[],
): Problem[] {
  const reached = new Set([...entries, ...imports.map(({ to }) => to)]);
  return [
    ...imports.flatMap(checkImport),
    ...findCycles(imports),
    ...files.filter((file) => !layerOf(file)).map((where) => ({ where, what: "The file belongs to no layer" })),
    ...files.filter((file) => !reached.has(file)).map((where) => ({ where, what: "No export leads to the file" })),
  ];
}

function checkImport({ from, line, to, kind }: Import): Problem[] {
  const layer = layerOf(from);
  const isFile = to.endsWith(".ts");
  const target = isFile ? layerOf(to)?.name : to;
  if (!layer || isFile && !target) return []; // Reported as a file without a layer.
  if (layer.may.includes(target!)) return [];
  if (kind === "type" && (target === "contracts" || to === "src/runtime/runtime.ts")) return [];
  if (kind !== "value" && layer.mayLater?.includes(target!)) return [];
  const how = { type: "imports a type from", value: "imports", dynamic: "imports by import()" }[kind];
  const may = [...layer.may, ...(layer.mayLater ?? []).map((name) => `${name} by import()`)].join(", ");
  return [{ where: `${from}:${line}`, what: `${layer.name} ${how} ${to}, and may import: ${may}` }];
}

/** Returns each cycle once, at one of its imports. Type imports count, because a cycle of types is hard to read too. */
function findCycles(imports: readonly Import[]): Problem[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const finished = new Set<string>();
  const problems: Problem[] = [];
  function visit(file: string, path: readonly string[]) {
    for (const { line, to } of targets.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        problems.push({ where: `${file}:${line}`, what: `Import cycle: ${[...path.slice(start), to].join(" -> ")}` });
      } else if (!finished.has(to)) visit(to, [...path, to]);
    }
    finished.add(file);
  }
  for (const file of targets.keys()) if (!finished.has(file)) visit(file, [file]);
  return problems;
}

function layerOf(file: string): Layer | undefined {
  return LAYERS.find(({ files }) => files.test(file));
}

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly DependencyInfo[];
  readonly error?: string;
}

interface DependencyInfo {
  readonly specifier: string;
  readonly code?: Resolved;
  readonly type?: Resolved;
  readonly isDynamic?: boolean;
}

interface Resolved {
  readonly specifier?: string;
  readonly error?: string;
  readonly span: { readonly start: { readonly line: number } };
}

/** Returns the imports of all files that are reachable from the entries, as `deno info` reports them. */
export async function readImports(root: string, entries: readonly string[]): Promise<Import[]> {
  const base = pathToFileURL(root.endsWith("/") ? root : root + "/").href;
  const modules = new Map<string, ModuleInfo>();
  for (const entry of entries) {
    const graph = JSON.parse(await runOrThrow(Deno.execPath(), ["info", "--json", entry], { cwd: root }));
    for (const module of graph.modules as ModuleInfo[]) {
      if (module.error !== undefined) throw new Error(`Cannot read the module graph of ${entry}: ${module.error}`);
      modules.set(module.specifier, module);
    }
  }
  return [...modules.values()].filter(({ specifier }) => specifier.startsWith(base)).flatMap((module) =>
    (module.dependencies ?? []).flatMap(({ specifier, code, type, isDynamic }) =>
      [{ found: type, kind: "type" as const }, { found: code, kind: isDynamic ? "dynamic" as const : "value" as const }]
        .flatMap(({ found, kind }): Import[] => {
          if (!found) return [];
          const target = found.specifier ?? specifier;
          return [{
            from: module.specifier.slice(base.length),
            line: found.span.start.line + 1,
            to: target.startsWith(base) ? target.slice(base.length) : packageOf(target),
            kind,
          }];
        })
    )
  );
}

/**
 * Returns the name of the package, such as `jose` for `npm:/jose@^6.2.17/jwt/sign`; other specifiers are returned
 * unchanged.
 */
function packageOf(specifier: string): string {
  return /^npm:\/?((?:@[^/]+\/)?[^/@]+)/.exec(specifier)?.[1] ?? specifier;
}

/** Returns the TypeScript files below a folder, sorted. */
export async function listFiles(root: string, folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${root}/${folder}`)) {
    if (isDirectory) files.push(...await listFiles(root, `${folder}/${name}`));
    else if (name.endsWith(".ts")) files.push(`${folder}/${name}`);
  }
  return files.sort();
}

if (import.meta.main) {
  const { exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as { exports: Record<string, string> };
  const entries = [...Object.values(exports).map((path) => path.replace("./", "")), EDGE_MODULE];
  report(checkLayers(await readImports(ROOT, entries), await listFiles(ROOT, "src"), entries));
}
