import { detectPlatform } from "./platform.ts";
import type { Runtime } from "./runtime.ts";

interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
}

/** Returns what reads text files here; `undefined` where there are none. */
export function textFileReader(): Runtime["readTextFile"] | undefined {
  switch (detectPlatform()) {
    case "deno":
      return (path) => Deno.readTextFile(path);
    case "node":
    case "bun":
      return (path) => fileSystem().readFile(path, "utf8");
    default:
      return undefined;
  }
}

function fileSystem(): FileSystem {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } };
  return process.getBuiltinModule("node:fs/promises") as FileSystem;
}
