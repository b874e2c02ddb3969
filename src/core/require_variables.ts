import { AuthenticationError } from "../errors.ts";
import type { Settings } from "./settings.ts";

/**
 * Throws an `AuthenticationError` where Deno may not read one of the environment variables: an unread one may name another identity, tenant or
 * cloud. Names all of them, so that one change of the flags is enough.
 */
export function requireVariables(names: readonly string[], { missingEnvPermission }: Settings): void {
  const flag = missingEnvPermission(names);
  if (!flag) return;
  throw new AuthenticationError(
    `Cannot read the environment variables that decide about the identity: Run Deno with ${flag}, or give the variables by the option "env"`,
  );
}
