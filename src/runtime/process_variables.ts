import { isReadable } from "./env.ts";
import { detectPlatform } from "./platform.ts";

/** Variables of the process. */
export interface ProcessVariables {
  readonly variables: Readonly<Record<string, string>>;
  /** Whether no other variable fits. */
  readonly isWhole: boolean;
}

/**
 * Returns the variables of the process whose names fit. Never asks for a permission: where Deno may read only some variables, they cannot be
 * listed, and the result has those of `names` that may be read.
 */
export function processVariables(fits: (name: string) => boolean, names: readonly string[]): ProcessVariables {
  const { all, isWhole } = detectPlatform() === "deno" ? denoVariables(names) : {
    all: (globalThis as { process?: { env?: Readonly<Record<string, unknown>> } }).process?.env ?? {},
    isWhole: true,
  };
  // A value is looked up for these alone: each takes a call of the system.
  const entries = Object.keys(all).filter(fits).map((name): [string, unknown] => [name, all[name]]);
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return { variables: Object.fromEntries(entries.filter(isText)), isWhole };
}

function denoVariables(names: readonly string[]): { all: Readonly<Record<string, unknown>>; isWhole: boolean } {
  const { state, partial } = Deno.permissions.querySync({ name: "env" });
  if (state === "granted" && !partial) return { all: Deno.env.toObject(), isWhole: true };
  return {
    all: Object.fromEntries(names.filter(isReadable).map((name) => [name, Deno.env.get(name)])),
    isWhole: false,
  };
}
