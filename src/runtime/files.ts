import { builtinModule } from "./builtin_module.ts";
import { withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeOverrides } from "./runtime.ts";

interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
  readFile(path: string): Promise<Uint8Array>;
  lstat(path: string): Promise<{ isFile(): boolean; readonly size: number }>;
}

/** The functions that read files. */
export type FileReaders = Pick<RuntimeOverrides, "readTextFile" | "readFile">;

/** Returns the `readTextFile` of the overrides, or of this runtime; `undefined` if it has no files. */
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

/**
 * Returns the functions that read files, of the overrides or of this runtime. `readFile` is `undefined` if only
 * `readTextFile` is overridden.
 */
export function fileReaders(runtime: RuntimeOverrides = {}): FileReaders {
  return { readTextFile: textFileReader(runtime), readFile: fileReader(runtime) };
}

function fileReader(runtime: RuntimeOverrides): Runtime["readFile"] {
  if (runtime.readFile) return runtime.readFile.bind(runtime);
  if (runtime.readTextFile) return undefined;
  switch (detectPlatform()) {
    case "deno":
      return (path) => read(() => Deno.readFile(path), path);
    case "node":
    case "bun":
      return (path) => read(() => builtinModule<FileSystem>("node:fs/promises").readFile(path), path);
    default:
      return undefined;
  }
}

/**
 * Returns the `fileSize` of the overrides, or of this runtime; `undefined` if it has no files, or if only
 * `readTextFile` is overridden.
 */
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
        const stats = await builtinModule<FileSystem>("node:fs/promises").lstat(path);
        return stats.isFile() ? stats.size : Infinity;
      };
    default:
      return undefined;
  }
}

/**
 * Reads a file. The error for a denied permission names the flag as it has to be typed, which the messages of the
 * runtimes do not.
 */
async function read<Content>(readFile: () => Promise<Content>, path: string): Promise<Content> {
  try {
    return await readFile();
  } catch (error) {
    throw withFlag(error, { read: path });
  }
}
