import { tidy } from "../core/answer_error.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A file that somebody keeps up to date while the program runs. */
export interface NamedFile {
  readonly path: string;
  /** What is in it, and what names it: "the token file of AZURE_FEDERATED_TOKEN_FILE". */
  readonly label: string;
  /** Whether an environment variable names it: a path that somebody has set and that leads nowhere is a mistake. */
  readonly isOfVariable: boolean;
  /** What to do where it cannot be read. */
  readonly nextStep: string;
}

/** Returns the text, without white space around it. Throws {@linkcode unusable} where the file cannot be read. */
export async function readNamedFile(file: NamedFile, readTextFile: Runtime["readTextFile"]): Promise<string> {
  const { path, nextStep } = file;
  if (!readTextFile) {
    throw unusable("Cannot read", file, "This runtime has no files", 'Give "runtime.readTextFile"');
  }
  try {
    return (await readTextFile(path)).trim();
  } catch (error) {
    const { name, message } = Object(error) as { name?: unknown; message?: unknown };
    throw name === "NotCapable"
      ? unusable("Cannot read", file, "Deno may not", `Run Deno with --allow-read=${path}`)
      : unusable("Cannot read", file, tidy(String(message ?? "It cannot be opened")), nextStep);
  }
}

/**
 * Returns the error for a file that is of no use: an `AuthenticationError` where a variable names it, so that no chain makes the program
 * somebody else, and a `CredentialUnavailableError` where the program does.
 */
export function unusable(
  action: string,
  { isOfVariable, label, path }: NamedFile,
  reason: string,
  nextStep = "",
): AuthenticationError | CredentialUnavailableError {
  const message = `${action} ${label}, "${path}": ${reason}`;
  return isOfVariable
    ? new AuthenticationError(nextStep ? `${message}: ${nextStep}` : message)
    : new CredentialUnavailableError(message, { nextStep });
}
