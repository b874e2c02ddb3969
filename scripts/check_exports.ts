/**
 * Checks that deno.json, the files, mod.ts, the README and the doc comments agree on the exports of the package.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
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
  /** Whether a file exists and is published, so that links to it work in the published package too. */
  exists(path: string): boolean;
}

/** Returns the disagreements. */
export function checkExports(project: Project): Problem[] {
  return [
    ...checkCredentials(project),
    ...checkMod(project),
    ...checkSubpathsInReadme(project),
    ...checkReasons(project),
    ...checkVersion(project),
    ...[...project.texts].flatMap(([file, text]) => [
      ...checkSpecifiers(project, file, text),
      ...file.endsWith(".md") ? [...checkImports(project, file, text), ...checkLinks(project, file, text)] : [],
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
  const offered = symbols.get(".") ?? new Set();
  return Object.entries(exports).filter(([, file]) => file.startsWith("./src/credentials/")).flatMap(([subpath]) =>
    [...symbols.get(subpath) ?? []].filter((symbol) => !offered.has(symbol)).map((symbol) => ({
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

/** Checks that each row has a reason, in tables of the README with a "reason" column. */
function checkReasons({ texts }: Project): Problem[] {
  const problems: Problem[] = [];
  let hasReasons = false;
  for (const [index, line] of (texts.get("README.md") ?? "").split("\n").entries()) {
    if (!line.startsWith("|")) hasReasons = false;
    else if (line.endsWith("| reason |")) hasReasons = true;
    else if (hasReasons && /\|\s*\|$/.test(line)) {
      problems.push({ where: `README.md:${index + 1}`, what: `The row has no reason: ${line.split("|")[1]!.trim()}` });
    }
  }
  return problems;
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
    const offered = symbols.get(`.${subpath}`) ?? new Set();
    return names!.split(",").map((part) => part.trim().replace(/^type\s+/, "").split(/\s+as\s+/)[0]!)
      .filter((symbol) => symbol !== "" && !offered.has(symbol))
      .map((symbol) => ({
        where: `${file}:${lineAt(text, index)}`,
        what: `${name}${subpath} does not export ${symbol}`,
      }));
  });
}

/** Checks that the relative links of a document lead to a file, and their anchors to a heading. */
function checkLinks({ exists, texts }: Project, file: string, text: string): Problem[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: link, index }) => {
    if (/^[a-z]+:/.test(link!)) return [];
    const [path, anchor] = link!.split("#") as [string, string?];
    const target = path === "" ? file : path.replace(/^\.\//, "");
    const where = `${file}:${lineAt(text, index)}`;
    if (!texts.has(target) && !exists(target)) return [{ where, what: `The link ${link} leads to no published file` }];
    if (anchor === undefined || !target.endsWith(".md") || anchorsOf(texts.get(target) ?? "").has(anchor)) return [];
    return [{ where, what: `The link ${link} leads to no heading` }];
  });
}

/** Returns the anchors of a document's headings, as GitHub creates them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutCode(text, /^(```|~~~)[\s\S]*?^\1/gm).matchAll(/^#+ +(.+?)\s*$/gm)) {
    const slug = heading!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Replaces code by empty lines, so that line numbers do not change. */
function withoutCode(text: string, code: RegExp = /^(```|~~~)[\s\S]*?^\1|`[^`\n]+`/gm): string {
  return text.replaceAll(code, (block) => block.replaceAll(/[^\n]/g, " "));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

async function readProject(): Promise<Project> {
  const { name, version, exports, publish } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as Project & {
    readonly publish: { readonly include: readonly string[] };
  };
  const texts = new Map<string, string>();
  for (const file of ["mod.ts", "README.md", "CHANGELOG.md", ...await listFiles(ROOT, "src")]) {
    texts.set(file, await Deno.readTextFile(ROOT + file));
  }
  const symbols = await readSymbols(exports);
  const isPublished = (path: string) => publish.include.some((part) => path === part || path.startsWith(`${part}/`));
  return { name, version, exports, texts, symbols, exists: (path) => isPublished(path) && existsSync(ROOT + path) };
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
