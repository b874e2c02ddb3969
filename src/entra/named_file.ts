import { toSingleLine } from "../core/error_response.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { AuthenticationError } from "../errors.ts";
import { missingPermission } from "../runtime/permission.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A file that an option or a variable names, and that may be replaced while the program runs. */
export interface NamedFile {
  readonly path: string;
  /** What the file holds, and what names it: "the token file of AZURE_FEDERATED_TOKEN_FILE". */
  readonly label: string;
  /** What to do if the file cannot be read. */
  readonly nextStep: string;
  /** What can be given in place of the file. Default: `runtime.readTextFile`. */
  readonly substitute?: string;
}

/** Returns the text of the file. Throws {@linkcode unusable} if the file cannot be read. */
export async function readNamedFile(file: NamedFile, readTextFile: Runtime["readTextFile"]): Promise<string> {
  const { path, nextStep } = file;
  if (!readTextFile) throw withoutFiles(file);
  try {
    return await readTextFile(path);
  } catch (error) {
    const flag = missingPermission(error, { read: path });
    throw flag
      ? notPermitted(file, flag)
      : unusable("Cannot read", file, toSingleLine(messageOf(error)) || "It cannot be opened", nextStep);
  }
}

/** Returns the error for a file that this runtime cannot read, because it has no files. */
export function withoutFiles(file: NamedFile): AuthenticationError {
  const { substitute = '"runtime.readTextFile"' } = file;
  return unusable("Cannot read", file, "This runtime has no files", `Give ${substitute}`);
}

/** Returns the error for a file that the permissions of the runtime deny. */
export function notPermitted(file: NamedFile, flag: string): AuthenticationError {
  return unusable("Cannot read", file, "It is not permitted", `Run ${flag}`);
}

/** Returns the error for a file that cannot be used. The file is configured, so that a chain ends with this error. */
export function unusable(
  action: string,
  { label, path }: NamedFile,
  reason: string,
  nextStep = "",
): AuthenticationError {
  const message = `${action} ${label}, "${path}": ${reason}`;
  return new AuthenticationError(nextStep ? `${message}: ${nextStep}` : message);
}
