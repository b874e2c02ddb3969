import { builtinModule } from "./builtin_module.ts";
import { missingPermission } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import type { Runtime, RuntimeOverrides } from "./runtime.ts";

interface FileSystem {
  open(path: string): Promise<{ close(): Promise<void> }>;
}

/** Returns the `fileExists` of the overrides, or of this runtime; `undefined` if it has no files. */
export function fileFinder(runtime: RuntimeOverrides = {}): Runtime["fileExists"] {
  if (runtime.fileExists) return runtime.fileExists.bind(runtime);
  switch (detectPlatform()) {
    case "deno":
      return async (path) =>
        (await Deno.permissions.query({ name: "read", path })).state === "granted"
          ? await canOpen(openWithDeno, path)
          : undefined;
    case "node":
    case "bun":
      return (path) => canOpen(openWithNode, path);
    default:
      return undefined;
  }
}

/** Opens a file on Deno. Does not use `node:fs`, which also needs the permission to read the user id there. */
async function openWithDeno(path: string): Promise<void> {
  (await Deno.open(path)).close();
}

/**
 * Opens a file on Node and Bun. Does not use `access`: with `--permission`, Node 22 and 24.0 throw its error outside of
 * the promise, which ends the process.
 */
async function openWithNode(path: string): Promise<void> {
  await (await builtinModule<FileSystem>("node:fs/promises").open(path)).close();
}

async function canOpen(open: (path: string) => Promise<void>, path: string): Promise<boolean | undefined> {
  try {
    await open(path);
    return true;
  } catch (error) {
    return missingPermission(error, { read: path }) ? undefined : false;
  }
}
