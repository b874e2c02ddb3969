/**
 * Checks the documents: that links lead to published files and to headings, that README.md is short and has a link to
 * each page, and that each code block is in a language that `check_examples.ts` checks, or in one without types.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** What the check reads. Paths are from the root of the project. */
export interface Documents {
  /** The text of each document. */
  readonly texts: ReadonlyMap<string, string>;
  /** Whether the path is that of a published file. Readers of the published documents have no other files. */
  exists(path: string): boolean;
}

/** Maximum size of README.md, in bytes. */
const README_BYTES = 12_288;
/** TypeScript is type-checked, JSON is parsed; the others have no types. */
const LANGUAGES = ["ts", "tsx", "json", "sh", "text", "toml", "html", "dockerfile", "yaml", "mermaid"];
/** The URL before the path of a page, in the links of `llms.txt`. */
export const PAGES = "https://github.com/azweb/identity/blob/main/";

/** Returns the problems of the documents. */
export function checkDocs(documents: Documents): Problem[] {
  const { texts } = documents;
  const pages = [...texts.keys()].filter((path) => path.startsWith("docs/"));
  return [
    ...checkReadme(texts.get("README.md") ?? "", pages),
    ...checkIndex(texts.get("llms.txt") ?? "", pages),
    ...[...texts].flatMap(([file, text]) => [
      ...checkLinks(documents, file, text),
      ...checkReasons(file, text),
      ...checkBlocks(file, text),
    ]),
  ];
}

/** Checks that README.md is short, and has a link to each page. */
function checkReadme(text: string, pages: readonly string[]): Problem[] {
  const where = "README.md";
  const { length } = new TextEncoder().encode(text);
  return [
    ...length > README_BYTES ? [{ where, what: `${length} bytes: at most ${README_BYTES}` }] : [],
    ...pages.filter((page) => !text.includes(`](${page})`)).map((page) => ({ where, what: `No link to ${page}` })),
  ];
}

/** Checks that llms.txt has a link to each page. */
function checkIndex(text: string, pages: readonly string[]): Problem[] {
  return ["README.md", ...pages].filter((page) => !text.includes(`](${PAGES}${page})`))
    .map((page) => ({ where: "llms.txt", what: `No link to ${PAGES}${page}` }));
}

/** Checks that each row of a table with a column "reason" has a reason. */
function checkReasons(file: string, text: string): Problem[] {
  const problems: Problem[] = [];
  let hasReasons = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (!line.startsWith("|")) hasReasons = false;
    else if (line.endsWith("| reason |")) hasReasons = true;
    else if (hasReasons && /\|\s*\|$/.test(line)) {
      problems.push({ where: `${file}:${index + 1}`, what: `The row has no reason: ${line.split("|")[1]!.trim()}` });
    }
  }
  return problems;
}

/** Checks that each code block names one of the languages, and that JSON can be parsed. */
function checkBlocks(file: string, text: string): Problem[] {
  return [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(({ 1: language, 2: code, index }) => {
    const where = `${file}:${lineAt(text, index)}`;
    if (!LANGUAGES.includes(language!)) {
      return [{ where, what: `A code block in "${language}": use one of ${LANGUAGES.join(", ")}` }];
    }
    return language === "json" && !isJson(code!) ? [{ where, what: "The code block is not JSON" }] : [];
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Checks that the relative links of a document lead to published files, and their anchors to headings. */
function checkLinks({ exists, texts }: Documents, file: string, text: string): Problem[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: link, index }) => {
    if (/^[a-z]+:/.test(link!)) return [];
    const [path, anchor] = link!.split("#") as [string, string?];
    const target = path === "" ? file : join(dirname(file), path);
    const where = `${file}:${lineAt(text, index)}`;
    if (!texts.has(target) && !exists(target)) return [{ where, what: `The link ${link} leads to no published file` }];
    if (anchor === undefined || !target.endsWith(".md") || anchorsOf(texts.get(target) ?? "").has(anchor)) return [];
    return [{ where, what: `The link ${link} leads to no heading` }];
  });
}

/** Returns the anchors of a document's headings, as GitHub derives them. */
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

/** Replaces code by spaces, so that the positions of the other text do not change. */
function withoutCode(text: string, code: RegExp = /^(```|~~~)[\s\S]*?^\1|`[^`\n]+`/gm): string {
  return text.replaceAll(code, (block) => block.replaceAll(/[^\n]/g, " "));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Returns the paths of the documents that are published. */
export async function listDocuments(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(`${ROOT}docs`));
  const pages = entries.map(({ name }) => `docs/${name}`).filter((path) => path.endsWith(".md"));
  return ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "llms.txt", ...pages.sort()];
}

async function readDocuments(): Promise<Documents> {
  const { publish } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    readonly publish: { readonly include: readonly string[] };
  };
  const texts = new Map<string, string>();
  for (const file of await listDocuments()) texts.set(file, await Deno.readTextFile(ROOT + file));
  const isPublished = (path: string) => publish.include.some((part) => path === part || path.startsWith(`${part}/`));
  return { texts, exists: (path) => isPublished(path) && existsSync(ROOT + path) };
}

if (import.meta.main) report(checkDocs(await readDocuments()));
