import { trim, trimEnd } from "../core/trim.ts";

/** A program by its name. */
export interface Program {
  readonly name: string;
  /** Whether it may be a batch file on Windows, which takes a shell. */
  readonly mayBeBatch?: boolean;
}

/** How to start a program. */
export interface CommandLine {
  /** The path of the program itself. */
  readonly path: string;
  /** An absolute path: the same, or that of a shell. */
  readonly command: string;
  readonly args: readonly string[];
  /** Whether the arguments are quoted already, for `cmd.exe`. */
  readonly verbatim: boolean;
}

/** Where programs are. */
export interface Folders {
  readonly isWindows: boolean;
  /** The variable `PATH`. */
  readonly path: string;
  /** The variable `SystemRoot` of Windows. */
  readonly systemRoot: string | undefined;
}

/**
 * Returns the ways to start a program, in the order of `PATH`. A folder that is not absolute counts for nothing: what stands in the current
 * folder may be anybody's.
 */
export function commandLines(
  { name, mayBeBatch = false }: Program,
  args: readonly string[],
  place: Folders,
): CommandLine[] {
  if (!place.isWindows) {
    return foldersIn(place.path, ":", /^\//).map((folder) => direct(`${trimEnd(folder, "/")}/${name}`, args));
  }
  const endings = mayBeBatch ? [".exe", ".com", ".cmd", ".bat"] : [".exe"];
  return foldersIn(place.path, ";", /^[a-z]:[\\/]/i).flatMap((folder) =>
    endings.flatMap((ending) => {
      const path = `${trimEnd(folder, "\\/")}\\${name}${ending}`;
      if (!/^\.(cmd|bat)$/.test(ending)) return direct(path, args);
      // The shell would look for variables in it. Whatever else it means something by, quotation marks keep together.
      // deno-lint-ignore no-control-regex
      return /[\x00-\x1f\x7f%!"]/.test(path) ? [] : batch(path, args, systemFolder(place));
    })
  );
}

/** Returns a folder that nobody but the system's owner writes to, and that is there: what is in it may count as a tool's own. */
export function safeFolder(place: Pick<Folders, "isWindows" | "systemRoot">): string {
  return place.isWindows ? systemFolder(place) : "/";
}

function systemFolder({ systemRoot }: Pick<Folders, "systemRoot">): string {
  return systemRoot && /^[a-z]:\\[^%!"]+$/i.test(systemRoot) ? trimEnd(systemRoot, "\\") : "C:\\Windows";
}

function foldersIn(path: string, separator: string, absolute: RegExp): string[] {
  // On Windows a folder may stand in quotation marks; elsewhere they are part of its name.
  const folders = path.split(separator).map((folder) =>
    separator === ";" ? trim(folder, " ").replace(/^"(.*)"$/, "$1") : folder
  );
  return [...new Set(folders.filter((folder) => absolute.test(folder)))];
}

function direct(path: string, args: readonly string[]): CommandLine {
  return { path, command: path, args, verbatim: false };
}

/** The shell by its full path, without its startup commands (`/d`) and without variables by exclamation marks (`/v:off`). */
function batch(path: string, args: readonly string[], systemRoot: string): CommandLine {
  const line = [`"${path}"`, ...args.map(quote)].join(" ");
  return {
    path,
    command: `${systemRoot}\\System32\\cmd.exe`,
    args: ["/d", "/s", "/v:off", "/c", `"${line}"`],
    verbatim: true,
  };
}

/** Throws a `TypeError` where quotation marks would not keep an argument together: it is checked before, so nobody gets to see that. */
function quote(argument: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f"%!^&|<>()]|\\$/.test(argument)) throw new TypeError("An argument cannot go through cmd.exe");
  return `"${argument}"`;
}
