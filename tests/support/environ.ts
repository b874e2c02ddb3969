/**
 * Which processes are there, by a text in their environment, such as the path of a folder of the test's own.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/** Returns the command lines of the processes that have the text in their environment, where the system tells. */
export async function processesWith(text: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const found: string[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environ = await readFile(`/proc/${id}/environ`, "utf8").catch(() => ""); // Gone, or another user's.
    if (environ.includes(text)) found.push(await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => id));
  }
  return found;
}

/** Resolves when no process has the text in its environment: one that is killed is not gone at once. Rejects if that takes long. */
export async function untilNoneHas(text: string): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    const left = await processesWith(text);
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`Still there: ${left.join(", ").replaceAll("\0", " ")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
