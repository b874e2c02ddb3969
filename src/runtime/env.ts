import { detectPlatform } from "./platform.ts";
import { hasNetPermission, hasReadPermission } from "./query_permission.ts";

/** Returns the value of an environment variable; `undefined` if it is not set or may not be read. */
export function env(name: string): string | undefined {
  if (detectPlatform() === "deno") return isPermitted(name) ? Deno.env.get(name) : undefined;
  const value: unknown = (globalThis as { process?: { env?: Record<string, unknown> } }).process?.env?.[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether a runtime of the platform `"web"` has environment variables. */
export function hasEnv(): boolean {
  return (globalThis as { process?: { env?: unknown } }).process?.env !== undefined;
}

/** Whether the runtime is Deno Deploy. Never prompts for a permission: returns `false` if that may not be known. */
export function isDenoDeploy(): boolean {
  const variable = "DENO_DEPLOYMENT_ID";
  return detectPlatform() === "deno" && isReadable(variable) && Deno.env.has(variable);
}

/** Whether Deno may read the variable. Never prompts for the permission. */
export function isReadable(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/**
 * Returns the runtime and the flags that let it read the variables, reach the URLs and read the files, if one of the
 * variables may not be read: "Deno with --allow-env=HOME,PATH".
 */
export function missingEnvPermission(
  names: readonly string[],
  urls: readonly string[],
  files: readonly (string | undefined)[],
): string | undefined {
  if (detectPlatform() !== "deno" || names.every(isPermitted)) return undefined;
  const hosts = urls.filter((url) => !hasNetPermission(url)).map((url) => new URL(url).host);
  const flags = { env: names, net: hosts, read: files.filter((path) => path && !hasReadPermission(path)) };
  const missing = Object.entries(flags).filter(([, values]) => values.length > 0);
  return `Deno with ${missing.map(([access, values]) => `--allow-${access}=${values.join(",")}`).join(" ")}`;
}

let isGranted: boolean | undefined;

function isPermitted(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "prompt") return state === "granted";
  // One prompt for all variables and for the life of the process, in place of one for each variable.
  return isGranted ??= Deno.permissions.requestSync({ name: "env" }).state === "granted";
}
