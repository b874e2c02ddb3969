import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A folder that openssl works in. */
export interface Workshop {
  /** Runs openssl in the folder; returns what it prints. */
  openssl(...args: string[]): string;
  read(name: string): string;
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  write(name: string, text: string): void;
  /** The path of a file in the folder. */
  path(name: string): string;
}

/** Why tests with openssl cannot run here; `false` where they can. */
export function missingOpenssl(): string | false {
  try {
    execFileSync("openssl", ["version"]);
    return false;
  } catch {
    return "openssl is not installed";
  }
}

/** Makes the folder; it goes when the process ends. */
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
