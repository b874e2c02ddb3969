import { isBackground } from "./background.ts";
import { builtinModule } from "./builtin_module.ts";
import { checkRunPermission, missingPermission, withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import { readText } from "./read_text.ts";
import type { CommandOutput, RunOptions, Runtime, RuntimeOverrides } from "./runtime.ts";

const MAX_BYTES = 1_048_576;

/** A running program. */
interface RunningProgram {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves with its exit code when it has ended. */
  readonly code: Promise<number>;
  /** Lets this process end while the program still runs. */
  unref(): void;
  /** Ends it and the programs that it has started: many tools are scripts that start another program. */
  kill(): void;
}

/** A stream of a program's output. It keeps this process alive unless it is unreferenced. */
interface Output {
  unref?(): void;
}

interface Child {
  readonly pid?: number;
  readonly stdout: Output;
  readonly stderr: Output;
  unref(): void;
  kill(signal: string): void;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close", listener: (code: number | null) => void): this;
}

/** Returns the `run` of the overrides, or of this runtime; `undefined` if it starts no programs. */
export function programRunner(runtime: RuntimeOverrides = {}): Runtime["run"] {
  if (runtime.run) return runtime.run.bind(runtime);
  switch (detectPlatform()) {
    case "deno":
      return (command, args, options) => run(startWithDeno, command, args, options);
    case "node":
    case "bun":
      return (command, args, options) => run(startWithNode, command, args, options);
    default:
      return undefined;
  }
}

async function run(
  start: (command: string, args: readonly string[], options: RunOptions) => RunningProgram | Promise<RunningProgram>,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<CommandOutput> {
  const { signal } = options;
  if (signal?.aborted) throw signal.reason;
  let running: RunningProgram;
  try {
    running = await start(command, args, options);
  } catch (error) {
    throw withFlag(error, { run: command });
  }
  if (isBackground(signal)) running.unref();
  return await waitForEnd(running, signal);
}

function startWithDeno(command: string, args: readonly string[], options: RunOptions): RunningProgram {
  checkRunPermission(command);
  const { cwd, env, clearEnv = false, windowsVerbatimArguments: windowsRawArguments = false } = options;
  const isWindows = Deno.build.os === "windows";
  const child = spawnWithDeno(command, {
    ...{ args: [...args], cwd, clearEnv, windowsRawArguments, detached: !isWindows },
    ...env && { env: { ...env } },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  });
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    code: child.status.then(({ code }) => code),
    unref: () => child.unref(),
    kill() {
      // With the permission for some programs only, Deno may end the program itself, and would prompt for its process
      // group.
      if (Deno.permissions.querySync({ name: "run" }).state === "granted") {
        tryToEnd(() => Deno.kill(-child.pid, "SIGKILL"));
      }
      tryToEnd(() => child.kill("SIGKILL"));
    },
  };
}

function spawnWithDeno(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(command, options).spawn();
  } catch (error) {
    if (!missingPermission(error, { run: command })) throw error;
    // A variable such as LD_LIBRARY_PATH can change what any program does.
    throw new Error(
      `Deno starts a program with these variables only if it may run all programs (--allow-run): ${
        (error as Error).message
      }`,
    );
  }
}

async function startWithNode(command: string, args: readonly string[], options: RunOptions): Promise<RunningProgram> {
  const { cwd, env, clearEnv, windowsVerbatimArguments = false } = options;
  const { process } = globalThis as unknown as {
    process: { env: Record<string, string>; platform: string; kill(pid: number, signal: string): void };
  };
  const isWindows = process.platform === "win32";
  const { spawn } = builtinModule<{ spawn(command: string, args: readonly string[], options: object): Child }>(
    "node:child_process",
  );
  const child = spawn(command, args, {
    cwd,
    env: clearEnv ? { ...env } : { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
    windowsVerbatimArguments,
    // A process group of its own, which can be ended as a whole.
    detached: !isWindows,
  });
  const code = new Promise<number>((resolve, reject) =>
    child.on("error", reject).on("close", (code) => resolve(code ?? 1))
  );
  const { pid } = child;
  // The program could not be started: the promise rejects with the reason.
  if (pid === undefined) await code;
  const { Readable } = builtinModule<{ Readable: { toWeb(stream: object): ReadableStream } }>("node:stream");
  return {
    stdout: Readable.toWeb(child.stdout),
    stderr: Readable.toWeb(child.stderr),
    code,
    unref() {
      for (const handle of [child, child.stdout, child.stderr]) handle.unref?.();
    },
    kill() {
      tryToEnd(() => process.kill(-pid!, "SIGKILL"));
      tryToEnd(() => child.kill("SIGKILL"));
    },
  };
}

/** Calls a function that ends a program, which may have ended by itself. */
function tryToEnd(kill: () => void): void {
  try {
    kill();
  } catch {
    // The program has ended already.
  }
}

async function waitForEnd(
  { stdout, stderr, code, kill }: RunningProgram,
  signal: AbortSignal | undefined,
): Promise<CommandOutput> {
  const readers = [stdout, stderr].map((stream) => stream.getReader());
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal!.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
  });
  try {
    const [exit, out = "", err = ""] = await Promise.race([aborted, Promise.all([code, ...readers.map(readOutput)])]);
    return { code: exit, stdout: out, stderr: err };
  } catch (error) {
    kill();
    // A program that it has started may still hold the streams open.
    for (const reader of readers) void reader.cancel().catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function readOutput(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const text = await readText(() => reader.read(), MAX_BYTES);
  if (text === undefined) throw new RangeError("It wrote more than a megabyte");
  return text;
}
