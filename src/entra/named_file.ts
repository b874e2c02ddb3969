import { toSingleLine } from "../core/error_response.ts";
import { messageOf } from "../core/unknown_errors.ts";
import { AuthenticationError } from "../errors.ts";
import { missingPermission } from "../runtime/permission.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A file whose path comes from an option or a variable. It may be replaced while the program runs. */
export interface NamedFile {
  readonly path: string;
  /** Content of the file and the source of its path: "the token file of AZURE_FEDERATED_TOKEN_FILE". */
  readonly label: string;
  /** Next step if the file cannot be read. */
  readonly nextStep: string;
  /** Options that replace the file. @default {'"runtime.readTextFile"'} */
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

/** Returns the error for a runtime without a file system. */
export function withoutFiles(file: NamedFile): AuthenticationError {
  const { substitute = '"runtime.readTextFile"' } = file;
  return unusable("Cannot read", file, "This runtime has no file system", `Set ${substitute}`);
}

/** Returns the error for a file that the permissions of the runtime deny. */
export function notPermitted(file: NamedFile, flag: string): AuthenticationError {
  return unusable("Cannot read", file, "It is not permitted", `Run ${flag}`);
}

/** Returns the error for a file that cannot be used. It ends a chain, because the file is configured explicitly. */
export function unusable(
  action: string,
  { label, path }: NamedFile,
  reason: string,
  nextStep = "",
): AuthenticationError {
  const message = `${action} ${label}, "${path}": ${reason}`;
  return new AuthenticationError(nextStep ? `${message}: ${nextStep}` : message);
}
