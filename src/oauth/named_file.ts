import { tidy } from "../core/answer_error.ts";
import { CredentialUnavailableError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** A file that somebody keeps up to date while the program runs. */
export interface NamedFile {
  readonly path: string;
  /** What is in it, and what names it: "the token file of AZURE_FEDERATED_TOKEN_FILE". */
  readonly label: string;
}

/** Returns the text, without white space around it. Throws a `CredentialUnavailableError` where the file cannot be read. */
export async function readNamedFile(file: NamedFile, readTextFile: Runtime["readTextFile"]): Promise<string> {
  const { path } = file;
  if (!readTextFile) {
    throw unavailable("Cannot read", file, "This runtime has no files", 'Give "runtime.readTextFile"');
  }
  try {
    return (await readTextFile(path)).trim();
  } catch (error) {
    const { name, message } = Object(error) as { name?: unknown; message?: unknown };
    throw name === "NotCapable"
      ? unavailable("Cannot read", file, "Deno may not", `Run Deno with --allow-read=${path}`)
      : unavailable("Cannot read", file, tidy(String(message ?? "It cannot be opened")));
  }
}

/** Returns the error for a file that is of no use. */
export function unavailable(
  action: string,
  { label, path }: NamedFile,
  reason: string,
  nextStep = "",
): CredentialUnavailableError {
  return new CredentialUnavailableError(`${action} ${label}, "${path}": ${reason}`, { nextStep });
}
