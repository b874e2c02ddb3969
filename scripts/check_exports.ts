/**
 * Checks that deno.json, the files, mod.ts, the documents and the doc comments agree on the exports of the package.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { listDocuments } from "./check_docs.ts";
import { listFiles } from "./check_layers.ts";
import { type Problem, report } from "./problem.ts";
import { ROOT, runOrThrow } from "./run.ts";

/** The input of the check. Paths are relative to the root of the project. */
export interface Project {
  readonly name: string;
  readonly version: string;
  /** The exports in deno.json: from subpath to file, such as `./testing` to `./src/testing/mod.ts`. */
  readonly exports: Readonly<Record<string, string>>;
  /** The text of each source file and document, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** The names that each subpath exports. */
  readonly symbols: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Returns the disagreements. */
export function checkExports(project: Project): Problem[] {
  return [
    ...checkCredentials(project),
    ...checkMod(project),
    ...checkSubpathsInReadme(project),
    ...checkVersion(project),
    ...[...project.texts].flatMap(([file, text]) => [
      ...checkSpecifiers(project, file, text),
      ...file.endsWith(".md") ? checkImports(project, file, text) : [],
    ]),
  ];
}

/** Checks that each credential in src/credentials/ has the subpath of its name, and that each subpath has a file. */
function checkCredentials({ exports, texts }: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of texts.keys()) {
    const name = /^src\/credentials\/(.+_credential)\.ts$/.exec(file)?.[1];
    if (name === undefined) continue;
    const subpath = `./${name.replaceAll("_", "-")}`;
    if (exports[subpath] !== `./${file}`) {
      problems.push({ where: "deno.json", what: `"exports" lacks "${subpath}": "./${file}"` });
    }
  }
  for (const [subpath, file] of Object.entries(exports)) {
    if (!texts.has(file.replace("./", ""))) {
      problems.push({ where: "deno.json", what: `"${subpath}" of "exports" leads to no file: ${file}` });
    }
  }
  return problems;
}

/** Checks that mod.ts exports everything that the subpaths of the credentials export. */
function checkMod({ exports, symbols }: Project): Problem[] {
  const exported = symbols.get(".") ?? new Set();
  return Object.entries(exports).filter(([, file]) => file.startsWith("./src/credentials/")).flatMap(([subpath]) =>
    [...symbols.get(subpath) ?? []].filter((symbol) => !exported.has(symbol)).map((symbol) => ({
      where: "mod.ts",
      what: `Does not export ${symbol}, which ${subpath} does`,
    }))
  );
}

function checkSubpathsInReadme({ name, exports, texts }: Project): Problem[] {
  const readme = texts.get("README.md") ?? "";
  return Object.keys(exports).map((subpath) => subpath.replace(".", name))
    .filter((specifier) => !new RegExp(`${specifier}(?![\\w/-])`).test(readme))
    .map((specifier) => ({ where: "README.md", what: `Does not mention ${specifier}` }));
}

function checkVersion({ texts, version }: Project): Problem[] {
  const constant = /^export const \w+(?:: [^=]+)? = "(.+)";$/m.exec(texts.get("src/version.ts") ?? "")?.[1];
  if (constant === version) return [];
  return [{ where: "src/version.ts", what: `The version is "${constant}", and "${version}" in deno.json` }];
}

/** Checks that each subpath in an import, a comment or prose exists. */
function checkSpecifiers({ name, exports }: Project, file: string, text: string): Problem[] {
  return [...text.matchAll(new RegExp(`(?<![\\w/-])${name}/([\\w/-]+)`, "g"))]
    .filter(([, subpath]) => !Object.hasOwn(exports, `./${subpath}`))
    .map(({ 0: specifier, index }) => ({
      where: `${file}:${lineAt(text, index)}`,
      what: `${specifier} is not in "exports" of deno.json`,
    }));
}

/** Checks that each name that a document's code imports from the package exists. */
function checkImports({ name, symbols }: Project, file: string, text: string): Problem[] {
  const pattern = new RegExp(`import\\s+(?:type\\s+)?\\{([^}]*)\\}\\s+from\\s+["']${name}(/[\\w/-]+)?["']`, "g");
  return [...text.matchAll(pattern)].flatMap(({ 1: names, 2: subpath = "", index }) => {
    const exported = symbols.get(`.${subpath}`) ?? new Set();
    return names!.split(",").map((part) => part.trim().replace(/^type\s+/, "").split(/\s+as\s+/)[0]!)
      .filter((symbol) => symbol !== "" && !exported.has(symbol))
      .map((symbol) => ({
        where: `${file}:${lineAt(text, index)}`,
        what: `${name}${subpath} does not export ${symbol}`,
      }));
  });
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

async function readProject(): Promise<Project> {
  const { name, version, exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as Project;
  const texts = new Map<string, string>();
  for (const file of ["mod.ts", ...await listDocuments(), ...await listFiles(ROOT, "src")]) {
    texts.set(file, await Deno.readTextFile(ROOT + file));
  }
  const symbols = await readSymbols(exports);
  return { name, version, exports, texts, symbols };
}

/** Returns the names that each subpath exports, as `deno doc` reports them. */
async function readSymbols(exports: Project["exports"]): Promise<Map<string, Set<string>>> {
  const args = ["doc", "--json", ...new Set(Object.values(exports))];
  const { nodes } = JSON.parse(await runOrThrow(Deno.execPath(), args)) as {
    nodes: Record<string, { symbols?: { name: string }[] }>;
  };
  return new Map(
    Object.entries(exports).map(([subpath, file]) => {
      const symbols = nodes[new URL(file, pathToFileURL(ROOT)).href]?.symbols ?? [];
      return [subpath, new Set(symbols.map(({ name }) => name))];
    }),
  );
}

if (import.meta.main) report(checkExports(await readProject()));
