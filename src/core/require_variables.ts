import { AuthenticationError } from "../errors.ts";

/** The environment variables that token requests of an app read, besides those of every credential. */
export const APP_VARIABLES: readonly string[] = ["AZURE_REGIONAL_AUTHORITY_NAME"];

/** What a credential needs besides environment variables, as far as it is known before they may be read. */
export interface Access {
  /** The services that get its requests: Microsoft Entra, the instance metadata service. */
  readonly services?: readonly ("entra" | "metadata")[];
  /** The paths of files. */
  readonly files?: readonly (string | undefined)[];
}

/** Access to the permissions of environment variables. */
export interface EnvPermissions {
  /**
   * Returns the flags with which Deno may read these variables and has the other access; `undefined` if all of the
   * variables can be read.
   */
  missingEnvPermission(names: readonly string[], access?: Access): string | undefined;
}

/**
 * Throws an `AuthenticationError` if Deno may not read one of the environment variables, which could name another
 * identity, tenant or cloud. Names all of them, and the flags for the other access, so that one change of the flags is
 * enough.
 *
 * @param credential The name that the message begins with. If it is omitted, the caller adds it.
 */
export function requireVariables(
  names: readonly string[],
  { missingEnvPermission }: EnvPermissions,
  { credential, ...access }: Access & { readonly credential?: string } = {},
): void {
  const flag = missingEnvPermission([...new Set(names)], access);
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
