import { builtinModule } from "./builtin_module.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime } from "./runtime.ts";

interface FileSystem {
  access(path: string, mode: number): Promise<void>;
}

const READABLE = 4;

/** Returns what finds out whether a file can be read, without asking anybody for permission; `undefined` where there are no files. */
export function fileFinder(): Runtime["fileExists"] {
  switch (detectPlatform()) {
    case "deno":
      return async (path) =>
        (await Deno.permissions.query({ name: "read", path })).state === "granted" && await isReadable(path);
    case "node":
    case "bun":
      return isReadable;
    default:
      return undefined;
  }
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await builtinModule<FileSystem>("node:fs/promises").access(path, READABLE);
    return true;
  } catch {
    return false;
  }
}
