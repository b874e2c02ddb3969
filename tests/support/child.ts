/**
 * A module of the tests as a process of its own, under the runtime that runs the test: Deno, Node or Bun.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** How a process ended, and what it wrote. */
export interface Ending {
  /** Its exit code, or the name of the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process. */
export interface Child {
  /** Its id, if it could be started. */
  readonly pid: number | undefined;
  /** Resolves with the first match in its standard output. Rejects with what it wrote if it ends without one. */
  untilPrinted(pattern: RegExp): Promise<RegExpExecArray>;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Resolves when it has ended and all that it wrote was read. */
  readonly ended: Promise<Ending>;
  /** Ends it, whatever it is doing; resolves when it is gone. */
  stop(): Promise<void>;
}

/** What {@linkcode startModule} accepts. */
export interface ChildOptions {
  readonly args?: readonly string[];
  /** A command that runs it, such as `isolated()`. Default: none. */
  readonly within?: readonly string[];
  /** Variables beside those of {@linkcode plainEnv}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its working folder. Default: this process's. */
  readonly cwd?: string;
  /** Receives each line of its standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

const running = new Set<Child>();

/**
 * Starts the module below this folder that has this path, such as `"interop/azurite_process"`. Its standard input ends when this process does; a
 * Ctrl-C is for this process alone.
 */
export function startModule(name: string, { args = [], within = [], ...options }: ChildOptions = {}): Child {
  // The same ending as this file's: `.ts`, or `.js` where the tests were transpiled.
  const path = fileURLToPath(import.meta.url.replace(/[^/]+(\.\w+)$/, `${name}$1`));
  const run = "Deno" in globalThis ? ["run", "--quiet", "--allow-all"] : [];
  return startProgram([...within, process.execPath, ...run, path, ...args], options);
}

/** Starts any program as {@linkcode startModule} does. */
export function startProgram(
  [command = "", ...args]: readonly string[],
  { env = {}, cwd, onLine }: Omit<ChildOptions, "args" | "within"> = {},
): Child {
  const child = spawn(command, args, {
    cwd,
    env: { ...plainEnv(), ...env },
    detached: true,
    windowsHide: true,
  });
  let stdout = "";
  let stderr = "";
  let printed = 0;
  const watchers = new Set<() => void>();

  child.stdin.on("error", () => {}); // It may end before us.
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const line of stdout.slice(printed).split("\n").slice(0, -1)) {
      printed += line.length + 1;
      onLine?.(line.trimEnd());
    }
    for (const look of watchers) look();
  });
  const ended = new Promise<Ending>((resolve) => {
    child.on("error", (error) => resolve({ code: "not started", stdout, stderr: `${stderr}${error.message}\n` }));
    child.on("close", (code, signal) => resolve({ code: code ?? signal ?? "unknown", stdout, stderr }));
  });

  const started: Child = {
    pid: child.pid,
    ended,
    untilPrinted: (pattern) =>
      new Promise((resolve, reject) => {
        function look() {
          const match = pattern.exec(stdout);
          if (match) resolve(match);
        }
        watchers.add(look);
        look();
        ended.then(({ code }) => reject(new Error(`It ended with ${code} and wrote:\n${stdout}${stderr}`.trimEnd())));
      }),
    write: (text) => void child.stdin.write(text),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  running.add(started);
  ended.then(() => running.delete(started));
  return started;
}

/** Ends all that {@linkcode startModule} has started and that still runs; resolves when it is gone. */
export async function stopModules(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/** The variables of this process that a child may need to run at all: nothing about Azure, no proxy, no trust, no colours. */
export function plainEnv(): Record<string, string> {
  const dropped = /^(azure_.*|azurite_.*|openai_.*|.*_proxy|deno_cert|node_extra_ca_certs|force_color)$/i;
  const kept = Object.entries(process.env).filter(([name]) => !dropped.test(name));
  return { ...Object.fromEntries(kept) as Record<string, string>, NO_COLOR: "1" };
}

/** The variables that make a child trust a certification authority, whose certificate is in the file. */
export function trust(path: string): Record<string, string> {
  return { DENO_CERT: path, NODE_EXTRA_CA_CERTS: path };
}

/** To be called in a child: ends it when its parent is gone, however that ended. */
export function endWithParent(): void {
  process.stdin.on("end", () => process.exit()).on("error", () => process.exit()).resume();
}
