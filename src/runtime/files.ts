import { builtinModule } from "./builtin_module.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeMembers } from "./runtime.ts";

interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
  lstat(path: string): Promise<{ isFile(): boolean; readonly size: number }>;
}

/** Returns what reads text files here; `undefined` where there are none. */
export function textFileReader(runtime: RuntimeMembers = {}): Runtime["readTextFile"] {
  if (runtime.readTextFile) return runtime.readTextFile.bind(runtime);
  switch (detectPlatform()) {
    case "deno":
      return readWithDeno;
    case "node":
    case "bun":
      return (path) => builtinModule<FileSystem>("node:fs/promises").readFile(path, "utf8");
    default:
      return undefined;
  }
}

/** Returns what reads the size of a file; `undefined` where there are no files, or where only `readTextFile` was handed in. */
export function fileSizer(runtime: RuntimeMembers = {}): Runtime["fileSize"] {
  if (runtime.fileSize) return runtime.fileSize.bind(runtime);
  if (runtime.readTextFile) return undefined;
  switch (detectPlatform()) {
    case "deno":
      return async (path) => {
        const { isFile, size } = await Deno.lstat(path);
        return isFile ? size : Infinity;
      };
    case "node":
    case "bun":
      return async (path) => {
        const found = await builtinModule<FileSystem>("node:fs/promises").lstat(path);
        return found.isFile() ? found.size : Infinity;
      };
    default:
      return undefined;
  }
}

/** Deno's own message does not have the flag as it is to be typed. */
async function readWithDeno(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw error instanceof Deno.errors.NotCapable
      ? new Deno.errors.NotCapable(`Run Deno with --allow-read=${path}`)
      : error;
  }
}
