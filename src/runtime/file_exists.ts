import { builtinModule } from "./builtin_module.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeMembers } from "./runtime.ts";

interface FileSystem {
  access(path: string, mode: number): Promise<void>;
}

const READABLE = 4;

/** Returns what finds out whether a file can be read, without asking anybody for permission; `undefined` where there are no files. */
export function fileFinder(runtime: RuntimeMembers = {}): Runtime["fileExists"] {
  if (runtime.fileExists) return runtime.fileExists.bind(runtime);
  switch (detectPlatform()) {
    case "deno":
      return async (path) =>
        (await Deno.permissions.query({ name: "read", path })).state === "granted"
          ? await succeeds(open(path))
          : undefined;
    case "node":
    case "bun":
      return (path) => succeeds(builtinModule<FileSystem>("node:fs/promises").access(path, READABLE));
    default:
      return undefined;
  }
}

/** Node's way needs to know the user here, which is a permission of its own. */
async function open(path: string): Promise<void> {
  (await Deno.open(path)).close();
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}
