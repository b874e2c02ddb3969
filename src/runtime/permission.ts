import { detectPlatform } from "./platform.ts";

/** Access that a runtime may refuse: to read a file, to reach or serve a host, to start a program. */
export type Access = { readonly read: string } | { readonly net: string } | { readonly run: string };

const MAX_CAUSES = 3;

/**
 * Returns the runtime and the flag that grants the access, such as "Deno with --allow-read=/run/token", if the error or one of its causes
 * is a refusal of Deno's permissions or of Node's `--permission`. Returns `undefined` for every other error.
 */
export function missingPermission(error: unknown, access: Access): string | undefined {
  let current = Object(error) as { name?: unknown; code?: unknown; cause?: unknown };
  for (let i = 0; i <= MAX_CAUSES; i++) {
    if (current.name === "NotCapable") return flagFor("Deno", access);
    if (current.code === "ERR_ACCESS_DENIED") return flagFor("Node", access);
    current = Object(current.cause);
  }
  return undefined;
}

/** Returns a refusal as an error with the missing flag as its message, and every other error as it is. */
export function withFlag(error: unknown, access: Access): unknown {
  const flag = missingPermission(error, access);
  if (flag === undefined) return error;
  return Object.assign(new Error(`Run ${flag}`, { cause: error }), { name: Object(error).name });
}

/** Returns the runtime and the flag that lets the program read a file, such as "Node with --allow-fs-read=/run/token". */
export function readFlag(path: string): string {
  return flagFor(detectPlatform() === "node" ? "Node" : "Deno", { read: path });
}

/** Returns the runtime and the flag that grants the access: "Node with --allow-child-process". */
export function flagFor(runtime: "Deno" | "Node", access: Access): string {
  if ("read" in access) {
    return runtime === "Deno" ? `Deno with --allow-read=${access.read}` : `Node with --allow-fs-read=${access.read}`;
  }
  if ("run" in access) {
    return runtime === "Deno" ? `Deno with --allow-run=${access.run}` : "Node with --allow-child-process";
  }
  if (runtime === "Node") return "Node with --allow-net";
  // A shell takes brackets for a pattern.
  return `Deno with --allow-net=${access.net.includes("[") ? `'${access.net}'` : access.net}`;
}
