import { AuthenticationError } from "../errors.ts";

/** The environment variables that token requests of an app read, besides those of every credential. */
export const APP_VARIABLES: readonly string[] = ["AZURE_REGIONAL_AUTHORITY_NAME"];

/** Access to the permissions of environment variables. */
export interface EnvPermissions {
  missingEnvPermission(names: readonly string[]): string | undefined;
}

/**
 * Throws an `AuthenticationError` if Deno may not read one of the environment variables, which could name another
 * identity, tenant or cloud. Names all of them, so that one change of the flags is enough.
 *
 * @param credential The name that the message begins with. If it is omitted, the caller adds it.
 */
export function requireVariables(
  names: readonly string[],
  { missingEnvPermission }: EnvPermissions,
  credential?: string,
): void {
  const flag = missingEnvPermission([...new Set(names)]);
  if (!flag) return;
  // The flag comes last, so that it can be copied.
  throw new AuthenticationError(
    `${credential ? `${credential}: ` : ""}Cannot read the environment variables that determine the identity: ` +
      `Set the option "env", or run ${flag}`,
  );
}

/** Returns which variables are missing, and which of all variables are set. */
export function unsetReason(
  missing: readonly string[],
  all: readonly string[],
  { env }: { env(name: string): string | undefined },
): string {
  const set = all.filter((name) => env(name));
  if (set.length === 0) return "None of its variables is set";
  const reasons = missing.map((name) => `${name} is ${env(name) === "" ? "empty" : "not set"}`);
  return `${reasons.join(", ")} (set: ${set.join(", ")})`;
}
