import { builtinModule } from "./builtin_module.ts";
import { withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeOverrides } from "./runtime.ts";

interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
  lstat(path: string): Promise<{ isFile(): boolean; readonly size: number }>;
}

/** Returns what reads text files here; `undefined` where there are none. */
export function textFileReader(runtime: RuntimeOverrides = {}): Runtime["readTextFile"] {
  if (runtime.readTextFile) return runtime.readTextFile.bind(runtime);
  switch (detectPlatform()) {
    case "deno":
      return (path) => read(() => Deno.readTextFile(path), path);
    case "node":
    case "bun":
      return (path) => read(() => builtinModule<FileSystem>("node:fs/promises").readFile(path, "utf8"), path);
    default:
      return undefined;
  }
}

/** Returns what reads the size of a file; `undefined` where there are no files, or where only `readTextFile` was handed in. */
export function fileSizer(runtime: RuntimeOverrides = {}): Runtime["fileSize"] {
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

/** The runtimes' own messages do not have the flag as it is to be typed. */
async function read(open: () => Promise<string>, path: string): Promise<string> {
  try {
    return await open();
  } catch (error) {
    throw withFlag(error, { read: path });
  }
}
