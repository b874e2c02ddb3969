import { detectPlatform } from "./platform.ts";

/**
 * Access that Deno, or Node with `--permission`, may deny: to read a file, to connect to or serve hosts, to start a
 * program.
 */
export type Access = { readonly read: string } | { readonly net: string } | { readonly run: string };

const MAX_CAUSES = 3;

/**
 * Throws on Deno if the program may not be started. Never prompts: a prompt does not say which of several paths is
 * meant.
 */
export function checkRunPermission(command: string): void {
  if (Deno.permissions.querySync({ name: "run", command }).state !== "granted") throw notCapable({ run: command });
}

/**
 * Returns the runtime and the flag that grants the access, such as "Deno with --allow-read=/run/token", if the error or
 * one of its causes is a denied permission of Deno or of Node's `--permission`. Returns `undefined` for every other
 * error.
 */
export function missingPermission(error: unknown, access: Access): string | undefined {
  try {
    let current = Object(error) as { name?: unknown; code?: unknown; cause?: unknown };
    for (let i = 0; i <= MAX_CAUSES; i++) {
      if (current.name === "NotCapable") return flagFor(access, "Deno");
      if (current.code === "ERR_ACCESS_DENIED") return flagFor(access, "Node");
      current = Object(current.cause);
    }
  } catch {
    // A member of an object of a closed window cannot be read.
  }
  return undefined;
}

/** Returns a denied permission as an error with the missing flag as its message, and every other error as it is. */
export function withFlag(error: unknown, access: Access): unknown {
  const flag = missingPermission(error, access);
  if (flag === undefined) return error;
  return Object.assign(new Error(`Run ${flag}`, { cause: error }), { name: Object(error).name });
}

/** Returns the error for an access that the permissions deny, as Deno names it. */
export function notCapable(access: Access): Error {
  return Object.assign(new Error(`Run ${flagFor(access)}`), { name: "NotCapable" });
}

/** Returns the runtime and the flag that grants the access: "Node with --allow-fs-read=/run/token". */
export function flagFor(
  access: Access,
  runtime: "Deno" | "Node" = detectPlatform() === "node" ? "Node" : "Deno",
): string {
  return `${runtime} with ${runtime === "Node" ? nodeFlag(access) : denoFlag(access)}`;
}

function denoFlag(access: Access): string {
  const [[name, value]] = Object.entries(access) as [[string, string]];
  // A shell reads brackets as a pattern.
  return `--allow-${name}=${value.includes("[") ? `'${value}'` : value}`;
}

function nodeFlag(access: Access): string {
  if ("read" in access) return `--allow-fs-read=${access.read}`;
  return "run" in access ? "--allow-child-process" : "--allow-net";
}
