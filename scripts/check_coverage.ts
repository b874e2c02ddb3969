/**
 * Checks that the secrecy tests create each credential, and that each managed identity source that is detected by
 * variables has a test, a row in the documentation and a simulated machine.
 *
 * @module
 */

import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** Texts by path, from the root of the project. */
export type Texts = ReadonlyMap<string, string>;

const SOURCES = "src/managed_identity/sources.ts";
const SECRECY_TESTS = /^tests\/(.+\/)?canary[^/]*\.ts$/;
const MACHINE_TESTS = /^tests\/(.+\/)?machine\.ts$/;
const SIMULATED_MACHINES = /^src\/testing\//;
const DOCUMENTATION = /^(README\.md|docs\/.+\.md)$/;

/** Returns the credentials of `mod.ts` that no secrecy test creates. */
export function checkCredentials(texts: Texts): Problem[] {
  const tests = matching(texts, SECRECY_TESTS).join("\n");
  const values = (texts.get("mod.ts") ?? "").replace(/export type \{[^}]*\}/g, "");
  const names = values.matchAll(/(?<!type )\b([A-Z]\w*Credential)\b(?=,| \})/g);
  return [...new Set([...names].map(([, name]) => name!))].filter((name) => !tests.includes(`new ${name}(`))
    .map((name) => ({
      where: "mod.ts",
      what: `No secrecy test creates ${name}: add it to a canary file of the tests`,
    }));
}

/**
 * Returns the sources without a test, a documentation row or a simulated machine. A source is identified by its
 * variables.
 */
export function checkSources(texts: Texts): Problem[] {
  const needs: readonly [what: string, pieces: readonly string[]][] = [
    ["test: add a machine to the tests", matching(texts, MACHINE_TESTS).flatMap(splitObjects)],
    ["documentation: add a table row", matching(texts, DOCUMENTATION).flatMap((text) => text.match(/^\|.*$/gm) ?? [])],
    ["simulated machine: add it to src/testing/", matching(texts, SIMULATED_MACHINES)],
  ];
  const rows = [...(texts.get(SOURCES) ?? "").matchAll(/variables: \[([^\]]+)\]/g)];
  if (rows.length === 0) return [{ where: SOURCES, what: "There is no table of sources" }];
  return rows.flatMap(([, list]) => {
    const variables = list!.split(",").map((name) => name.trim().replaceAll('"', ""));
    return needs.filter(([, pieces]) => !pieces.some((piece) => variables.every((name) => piece.includes(name))))
      .map(([what]) => ({ where: SOURCES, what: `${variables.join(" and ")}: no ${what}` }));
  });
}

function matching(texts: Texts, path: RegExp): string[] {
  return [...texts].filter(([name]) => path.test(name)).map(([, text]) => text);
}

/** Returns the contents of the innermost braces. */
function splitObjects(text: string): string[] {
  return text.match(/\{[^{}]*\}/g) ?? [];
}

async function readTexts(path: string): Promise<[string, string][]> {
  const { isDirectory } = await Deno.stat(ROOT + path);
  if (!isDirectory) return [[path, await Deno.readTextFile(ROOT + path)]];
  const entries = await Array.fromAsync(Deno.readDir(ROOT + path));
  return (await Promise.all(entries.map(({ name }) => readTexts(`${path}/${name}`)))).flat();
}

if (import.meta.main) {
  const roots = ["mod.ts", "README.md", "docs", "src", "tests"];
  const present = await Promise.all(roots.map((root) => Deno.stat(ROOT + root).then(() => root, () => [])));
  const texts = new Map((await Promise.all(present.flat().map(readTexts))).flat());
  report([...checkCredentials(texts), ...checkSources(texts)]);
}
