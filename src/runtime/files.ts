import { builtinModule } from "./builtin_module.ts";
import { withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeMembers } from "./runtime.ts";

interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
}

/** Returns what reads text files here; `undefined` where there are none. */
export function textFileReader(runtime: RuntimeMembers = {}): Runtime["readTextFile"] {
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

/** The runtimes' own messages do not have the flag as it is to be typed. */
async function read(open: () => Promise<string>, path: string): Promise<string> {
  try {
    return await open();
  } catch (error) {
    throw withFlag(error, { read: path });
  }
}
