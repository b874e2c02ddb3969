/**
 * Finds processes by a text in their environment, such as the path of the test's folder.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/**
 * Returns the command lines of the processes with the text in their environment; none if the system does not report
 * environments.
 */
export async function processesWith(text: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const found: string[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    // Fails if the process has ended or belongs to another user.
    const environ = await readFile(`/proc/${id}/environ`, "utf8").catch(() => "");
    if (environ.includes(text)) found.push(await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => id));
  }
  return found;
}

/**
 * Resolves when no process has the text in its environment, because a killed process does not end at once. Rejects
 * after a time limit.
 */
export async function untilNoneHas(text: string): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    const left = await processesWith(text);
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`Processes have not ended: ${left.join(", ").replaceAll("\0", " ")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves when a process has the text in its environment and another one in its command line. */
export async function untilOneHas(text: string, command: string): Promise<void> {
  while (!(await processesWith(text)).some((line) => line.includes(command))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
