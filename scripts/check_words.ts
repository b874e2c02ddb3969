/**
 * Checks that the library and its documentation contain no refused word, and that no comment is wider than 120 columns.
 *
 * @module
 */

import { type Problem, report } from "./problem.ts";
import { ROOT } from "./run.ts";

/** Words that leave the subject open or that have an unusual meaning in technical English. */
const REFUSED = /\b(?:whoever|nobody|somebody|anybody|in vain|anew|passed over|unsaid)\b/i;
const WIDTH = 120;

/**
 * Returns the lines with a refused word, and the comments that are too wide. Examples and URLs may be wider, because
 * they cannot be wrapped.
 */
export function checkWords(path: string, text: string): Problem[] {
  const isCode = path.endsWith(".ts");
  let isExample = false;
  return text.split("\n").flatMap((line, index) => {
    const where = `${path}:${index + 1}`;
    const [word] = REFUSED.exec(line) ?? [];
    if (/^\s*\* ```/.test(line)) isExample = !isExample;
    const isComment = /^\s*(?:\/\/|\/?\*)/.test(line) && !isExample && !line.includes("https://");
    return [
      ...word ? [{ where, what: `"${word}": name the subject, or use the field's word` }] : [],
      ...isCode && line.length > WIDTH && isComment
        ? [{ where, what: `A comment of ${line.length} columns: at most ${WIDTH}` }]
        : [],
    ];
  });
}

async function listTexts(path: string): Promise<string[]> {
  const status = await Deno.stat(ROOT + path).catch(() => undefined);
  if (!status) return [];
  if (!status.isDirectory) return /\.(?:ts|md)$/.test(path) ? [path] : [];
  const entries = await Array.fromAsync(Deno.readDir(ROOT + path));
  return (await Promise.all(entries.map(({ name }) => listTexts(`${path}/${name}`)))).flat();
}

if (import.meta.main) {
  const paths = (await Promise.all(["mod.ts", "src", "README.md", "docs"].map(listTexts))).flat().sort();
  const problems = await Promise.all(paths.map(async (path) => checkWords(path, await Deno.readTextFile(ROOT + path))));
  report(problems.flat());
}
