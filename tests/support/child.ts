/**
 * Starts modules of the tests as child processes, on the runtime that runs the test: Deno, Node or Bun.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The exit code and the output of a process. */
export interface Ending {
  /** The exit code, or the name of the signal that ended the process. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process. */
export interface Child {
  /** The process id, if the process could be started. */
  readonly pid: number | undefined;
  /**
   * Resolves with the first match in the standard output. Rejects with the output if the process ends without a match.
   */
  untilPrinted(pattern: RegExp): Promise<RegExpExecArray>;
  /** Writes to the standard input. */
  write(text: string): void;
  /** Resolves when the process has ended and all of its output was read. */
  readonly ended: Promise<Ending>;
  /** Kills the process. Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Options of {@linkcode startModule}. */
export interface ChildOptions {
  readonly args?: readonly string[];
  /** A command that runs the process, such as `isolated()`. Default: none. */
  readonly within?: readonly string[];
  /** Environment variables besides those of {@linkcode plainEnv}. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working folder. Default: this process's. */
  readonly cwd?: string;
  /** Receives each line of the standard output as it arrives. */
  readonly onLine?: (line: string) => void;
}

const running = new Set<Child>();

/**
 * Starts a module by its path below this folder, such as `"interop/azurite_process"`. Its standard input ends when this
 * process ends. Ctrl-C interrupts only this process.
 */
export function startModule(name: string, { args = [], within = [], ...options }: ChildOptions = {}): Child {
  // The same extension as this file: `.ts`, or `.js` if the tests were transpiled.
  const path = fileURLToPath(import.meta.url.replace(/[^/]+(\.\w+)$/, `${name}$1`));
  const run = "Deno" in globalThis ? ["run", "--quiet", "--allow-all"] : [];
  return startProgram([...within, process.execPath, ...run, path, ...args], options);
}

/** Starts a program in the same way as {@linkcode startModule}. */
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

  child.stdin.on("error", () => {}); // The child may end before this process writes.
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
        ended.then(({ code }) =>
          reject(new Error(`The process ended with ${code} and wrote:\n${stdout}${stderr}`.trimEnd()))
        );
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

/** Kills the running processes that {@linkcode startModule} has started. Resolves when they have ended. */
export async function stopModules(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/**
 * Returns the variables of this process that a child needs to run, without those for Azure, proxies, certificates and
 * colours.
 */
export function plainEnv(): Record<string, string> {
  const dropped = /^(azure_.*|azurite_.*|openai_.*|.*_proxy|deno_cert|node_extra_ca_certs|force_color)$/i;
  const kept = Object.entries(process.env).filter(([name]) => !dropped.test(name));
  return { ...Object.fromEntries(kept) as Record<string, string>, NO_COLOR: "1" };
}

/** Returns the variables that make a child trust the certificate authority whose certificate is in the file. */
export function trust(path: string): Record<string, string> {
  return { DENO_CERT: path, NODE_EXTRA_CA_CERTS: path };
}

/** Ends this process when its parent has ended. To be called in a child. */
export function endWithParent(): void {
  process.stdin.on("end", () => process.exit()).on("error", () => process.exit()).resume();
}
