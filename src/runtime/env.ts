import { detectPlatform } from "./platform.ts";

/** Returns the value of an environment variable; `undefined` where it is not set, or may not be read. */
export function env(name: string): string | undefined {
  if (detectPlatform() === "deno") return permitted(name) ? Deno.env.get(name) : undefined;
  const value: unknown = (globalThis as { process?: { env?: Record<string, unknown> } }).process?.env?.[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether it is Deno Deploy, as far as that may be known without asking anybody for permission. */
export function isDenoDeploy(): boolean {
  const variable = "DENO_DEPLOYMENT_ID";
  return detectPlatform() === "deno" && isReadable(variable) && Deno.env.has(variable);
}

/** Whether Deno may read the variable. Never asks for the permission. */
export function isReadable(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/** Returns the runtime and the flag that lets it read the variables if one of them may not be read: "Deno with --allow-env=HOME,PATH". */
export function missingEnvPermission(names: readonly string[]): string | undefined {
  if (detectPlatform() !== "deno" || names.every(permitted)) return undefined;
  return `Deno with --allow-env=${names.join(",")}`;
}

let answer: boolean | undefined;

function permitted(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "prompt") return state === "granted";
  // One question for all variables, once in the life of the process, instead of one a variable.
  return answer ??= Deno.permissions.requestSync({ name: "env" }).state === "granted";
}
