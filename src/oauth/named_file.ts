import { tidy } from "../core/answer_error.ts";
import { AuthenticationError } from "../errors.ts";
import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import type { Runtime, RuntimeMembers } from "../runtime/runtime.ts";

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
    const { name, message } = Object(error) as { name?: unknown; message?: unknown };
    throw name === "NotCapable"
      ? unusable("Cannot read", file, "Deno may not", `Run Deno with --allow-read=${path}`)
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

/** Returns why a configured file cannot be read, as far as that is known without reading it; `undefined` where it can. */
export async function explainFile(
  path: string,
  label: string,
  runtime: RuntimeMembers | undefined,
): Promise<Explanation | undefined> {
  const fileExists = fileFinder(runtime);
  const exists = await fileExists?.(path);
  if (exists) return undefined;
  const reason = !fileExists
    ? 'This runtime has no files: Give "runtime.readTextFile" and "runtime.fileExists"'
    : exists === undefined
    ? `Deno may not: Run Deno with --allow-read=${path}`
    : "It is not there, or may not be read";
  return { state: "fails", detail: `Cannot read ${label}, "${path}": ${reason}` };
}
