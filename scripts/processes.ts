/**
 * The processes that a command has started: their processor time and their termination.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** The variable that marks the processes of a run, so that processes whose parent has ended are found too. */
export const MARK = "AZWEB_TEST_RUN";

/** The unit in which Linux reports processor time. */
const TICKS_PER_SECOND = 100;

/** A running process. */
export interface ProcessEntry {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  /** Processor time of the process and of its children that have ended, in seconds. */
  readonly cpuSeconds: number;
}

/** Returns the processes of this machine; none if the system is not Linux. */
export function listProcesses(): ProcessEntry[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((id) => {
    // The name, in parentheses, may itself contain spaces and parentheses.
    const [, name, rest = ""] = /^\d+ \((.*)\) (.*)/s.exec(readOrEmpty(`/proc/${id}/stat`)) ?? [];
    const fields = rest.split(" ");
    // A zombie has ended.
    if (name === undefined || fields[0] === "Z") return [];
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ id: Number(id), parent: Number(fields[1]), name, cpuSeconds: ticks / TICKS_PER_SECOND }];
  });
}

/** Returns the process with this id and its descendants. */
function treeOf(root: number, all: readonly ProcessEntry[]): ProcessEntry[] {
  const tree = all.filter(({ id }) => id === root);
  // The array grows during the loop.
  for (const { id } of tree) tree.push(...all.filter(({ parent }) => parent === id));
  return tree;
}

/**
 * Returns the processor time of a process and its descendants, in seconds; `undefined` if it has ended or the system is
 * not Linux.
 */
export function cpuSecondsOf(root: number): number | undefined {
  const tree = treeOf(root, listProcesses());
  return tree.length === 0 ? undefined : tree.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/**
 * Ends a process that leads a process group, its descendants in other groups, and each process with a mark in its
 * environment. If the system is not Linux, only the group is ended.
 */
export function endProcesses(leader: number | undefined, mark: string): void {
  const tree = leader === undefined ? [] : treeOf(leader, listProcesses());
  if (leader !== undefined) end(process.platform === "win32" ? leader : -leader);
  for (const { id } of tree) end(id);
  // A process can start another one while it is being ended. A hundred rounds are more than enough.
  for (let round = 0; round < 100; round++) {
    const marked = listProcesses().filter(({ id }) => id !== process.pid && hasMark(id, mark));
    if (marked.length === 0) return;
    for (const { id } of marked) end(id);
  }
}

/** Whether a process belongs to the run with the mark, or to a run within it, whose mark begins with the outer one. */
function hasMark(id: number, mark: string): boolean {
  return readOrEmpty(`/proc/${id}/environ`).split("\0").some((entry) => entry.startsWith(`${MARK}=${mark}`));
}

function end(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // The process has ended, or belongs to another user.
  }
}
