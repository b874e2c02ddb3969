import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A folder for files of openssl. */
export interface Workshop {
  /** Runs openssl in the folder, and returns its output. */
  openssl(...args: string[]): string;
  read(name: string): string;
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  write(name: string, text: string): void;
  /** Returns the path of a file in the folder. */
  path(name: string): string;
}

/** Returns why tests with openssl cannot run here, or `false`. */
export function missingOpenssl(): string | false {
  try {
    execFileSync("openssl", ["version"]);
    return false;
  } catch {
    return "openssl is not installed";
  }
}

/** Creates the folder. It is removed when the process ends. */
export function createWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "azweb-openssl-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  return {
    openssl: (...args) =>
      execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    read: (name) => readFileSync(path(name), "utf8"),
    readBytes: (name) => Uint8Array.from(readFileSync(path(name))),
    write: (name, text) => writeFileSync(path(name), text),
    path,
  };
}
