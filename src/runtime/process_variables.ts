import { isReadable } from "./env.ts";
import { detectPlatform } from "./platform.ts";

/** Environment variables of the process. */
export interface ProcessVariables {
  readonly variables: Readonly<Record<string, string>>;
  /** Whether these are all variables that match. They are not if Deno does not permit to list the variables. */
  readonly isComplete: boolean;
}

/**
 * Returns the variables of the process whose names match. Never prompts for a permission: if Deno may read some
 * variables only, it cannot list them, and the result has those of `names` that may be read.
 */
export function processVariables(matches: (name: string) => boolean, names: readonly string[]): ProcessVariables {
  const { all, isComplete } = detectPlatform() === "deno" ? denoVariables(names) : {
    all: (globalThis as { process?: { env?: Readonly<Record<string, unknown>> } }).process?.env ?? {},
    isComplete: true,
  };
  // Values are read for these only: each takes a system call.
  const entries = Object.keys(all).filter(matches).map((name): [string, unknown] => [name, all[name]]);
  const isString = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return { variables: Object.fromEntries(entries.filter(isString)), isComplete };
}

function denoVariables(names: readonly string[]): { all: Readonly<Record<string, unknown>>; isComplete: boolean } {
  const { state, partial } = Deno.permissions.querySync({ name: "env" });
  if (state === "granted" && !partial) return { all: Deno.env.toObject(), isComplete: true };
  return {
    all: Object.fromEntries(names.filter(isReadable).map((name) => [name, Deno.env.get(name)])),
    isComplete: false,
  };
}
