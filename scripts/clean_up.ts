/**
 * Waits until the standard input ends, which is when the process that started this one has ended. Then ends the
 * processes with a mark in their environment and removes a folder: see `run.ts`.
 *
 * @module
 */

import { endProcesses } from "./processes.ts";

const [mark, folder] = Deno.args as [string, string];
while (await Deno.stdin.read(new Uint8Array(1024)) !== null);
endProcesses(undefined, mark);
await Deno.remove(folder, { recursive: true }).catch(() => {}); // It was removed already.
