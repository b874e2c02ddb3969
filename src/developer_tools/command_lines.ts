import { trim, trimEnd } from "../core/trim.ts";

/** A program of a tool. */
export interface Program {
  readonly name: string;
  /** Whether it may be a batch file on Windows, which only a shell can run. */
  readonly mayBeBatch?: boolean;
}

/** A way to start a program. */
export interface CommandLine {
  /** The path of the program itself. */
  readonly path: string;
  /** The path of the program to start: the same, or that of a shell. */
  readonly command: string;
  readonly args: readonly string[];
  /** Whether the arguments are already quoted, for `cmd.exe`. */
  readonly verbatim: boolean;
}

/** The folders that have programs. */
export interface Folders {
  readonly isWindows: boolean;
  /** The variable `PATH`. */
  readonly path: string;
  /** The variable `SystemRoot` of Windows. */
  readonly systemRoot: string | undefined;
}

/**
 * Returns the ways to start a program, in the order of `PATH`. Relative folders are ignored, because other users may
 * write to the current folder.
 */
export function commandLines(
  { name, mayBeBatch = false }: Program,
  args: readonly string[],
  folders: Folders,
): CommandLine[] {
  if (!folders.isWindows) {
    return foldersIn(folders.path, ":", /^\//).map((folder) => direct(`${trimEnd(folder, "/")}/${name}`, args));
  }
  const extensions = mayBeBatch ? [".exe", ".com", ".cmd", ".bat"] : [".exe"];
  return foldersIn(folders.path, ";", /^[a-z]:[\\/]/i).flatMap((folder) =>
    extensions.flatMap((extension) => {
      const path = `${trimEnd(folder, "\\/")}\\${name}${extension}`;
      if (!/^\.(cmd|bat)$/.test(extension)) return direct(path, args);
      // The shell expands variables also between quotation marks, which protect all other characters.
      // deno-lint-ignore no-control-regex
      return /[\x00-\x1f\x7f%!"]/.test(path) ? [] : batch(path, args, systemFolder(folders));
    })
  );
}

/** Returns a working directory that exists and that only administrators can write to: a tool may load files from it. */
export function safeFolder(folders: Pick<Folders, "isWindows" | "systemRoot">): string {
  return folders.isWindows ? systemFolder(folders) : "/";
}

function systemFolder({ systemRoot }: Pick<Folders, "systemRoot">): string {
  return systemRoot && /^[a-z]:\\[^%!"]+$/i.test(systemRoot) ? trimEnd(systemRoot, "\\") : "C:\\Windows";
}

function foldersIn(path: string, separator: string, absolute: RegExp): string[] {
  // On Windows a folder may be in quotation marks; elsewhere they are part of its name.
  const folders = path.split(separator).map((folder) =>
    separator === ";" ? trim(folder, " ").replace(/^"(.*)"$/, "$1") : folder
  );
  return [...new Set(folders.filter((folder) => absolute.test(folder)))];
}

function direct(path: string, args: readonly string[]): CommandLine {
  return { path, command: path, args, verbatim: false };
}

/**
 * Runs a batch file by the shell, without its AutoRun commands (`/d`) and without delayed expansion of variables
 * (`/v:off`).
 */
function batch(path: string, args: readonly string[], systemRoot: string): CommandLine {
  const line = [`"${path}"`, ...args.map(quote)].join(" ");
  return {
    path,
    command: `${systemRoot}\\System32\\cmd.exe`,
    args: ["/d", "/s", "/v:off", "/c", `"${line}"`],
    verbatim: true,
  };
}

/** Throws a `TypeError` for an argument that quotation marks do not protect. The caller has checked its arguments. */
function quote(argument: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f"%!^&|<>()]|\\$/.test(argument)) throw new TypeError("An argument cannot go through cmd.exe");
  return `"${argument}"`;
}
