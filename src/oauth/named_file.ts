import { tidy } from "../core/answer_error.ts";
import { AuthenticationError } from "../errors.ts";
import { missingPermission } from "../runtime/permission.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A file that somebody keeps up to date while the program runs. */
export interface NamedFile {
  readonly path: string;
  /** What is in it, and what names it: "the token file of AZURE_FEDERATED_TOKEN_FILE". */
  readonly label: string;
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
    const { message } = Object(error) as { message?: unknown };
    const flag = missingPermission(error, { read: path });
    throw flag
      ? unusable("Cannot read", file, "It is not permitted", `Run ${flag}`)
      : unusable("Cannot read", file, tidy(String(message ?? "It cannot be opened")), nextStep);
  }
}

/** Returns the error for a file that cannot be used: it is configured, so that no chain becomes another identity. */
export function unusable(
  action: string,
  { label, path }: NamedFile,
  reason: string,
  nextStep = "",
): AuthenticationError {
  const message = `${action} ${label}, "${path}": ${reason}`;
  return new AuthenticationError(nextStep ? `${message}: ${nextStep}` : message);
}
