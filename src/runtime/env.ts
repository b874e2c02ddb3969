import { detectPlatform } from "./platform.ts";

/** Returns the value of an environment variable; `undefined` where it is not set, or may not be read. */
export function env(name: string): string | undefined {
  if (detectPlatform() === "deno") return permitted(name) ? Deno.env.get(name) : undefined;
  const value: unknown = (globalThis as { process?: { env?: Record<string, unknown> } }).process?.env?.[name];
  return typeof value === "string" ? value : undefined;
}

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
  return { all: Object.fromEntries(names.filter(isGranted).map((name) => [name, Deno.env.get(name)])), isWhole: false };
}

function isGranted(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/** Whether it is Deno Deploy, as far as that may be known without asking anybody for permission. */
export function isDenoDeploy(): boolean {
  const variable = "DENO_DEPLOYMENT_ID";
  return detectPlatform() === "deno" && isGranted(variable) && Deno.env.has(variable);
}

/** Returns the flag that lets Deno read these variables, if one of them may not be read; else `undefined`. */
export function missingEnvPermission(names: readonly string[]): string | undefined {
  if (detectPlatform() !== "deno" || names.every(permitted)) return undefined;
  return `--allow-env=${names.join(",")}`;
}

let answer: boolean | undefined;

function permitted(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "prompt") return state === "granted";
  // One question for all variables, once in the life of the process, instead of one a variable.
  return answer ??= Deno.permissions.requestSync({ name: "env" }).state === "granted";
}
