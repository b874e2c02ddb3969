import { isBackground } from "./background.ts";
import { builtinModule } from "./builtin_module.ts";
import { missingPermission, withFlag } from "./permission.ts";
import { detectPlatform } from "./platform.ts";
import { checkRunPermission } from "./query_permission.ts";
import { readText } from "./read_text.ts";
import type { CommandOutput, RunOptions, Runtime, RuntimeOverrides } from "./runtime.ts";

const MAX_BYTES = 1_048_576;

/** A program that runs. */
interface Running {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Its exit code, once it has ended. */
  readonly code: Promise<number>;
  /** Lets this process end while the program still runs. */
  unref(): void;
  /** Ends it, and what it has started: many a tool is a script around the program that does the work. */
  kill(): void;
}

/** A stream of a program's output, which keeps this process alive. */
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

/** Returns what runs programs here; `undefined` where there are none. */
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
  start: (command: string, args: readonly string[], options: RunOptions) => Running | Promise<Running>,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<CommandOutput> {
  const { signal } = options;
  if (signal?.aborted) throw signal.reason;
  let running: Running;
  try {
    running = await start(command, args, options);
  } catch (error) {
    throw withFlag(error, { run: command });
  }
  if (isBackground(signal)) running.unref();
  return await finish(running, signal);
}

function startWithDeno(command: string, args: readonly string[], options: RunOptions): Running {
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
      // Without the permission to run whatever there is, Deno ends the one that it has started, and would ask about others.
      if (Deno.permissions.querySync({ name: "run" }).state === "granted") end(() => Deno.kill(-child.pid, "SIGKILL"));
      end(() => child.kill("SIGKILL"));
    },
  };
}

function spawnWithDeno(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(command, options).spawn();
  } catch (error) {
    if (!missingPermission(error, { run: command })) throw error;
    // Variables such as LD_LIBRARY_PATH make any program another one.
    throw new Error(
      `Deno starts it with these variables only where it may run all programs (--allow-run): ${
        (error as Error).message
      }`,
    );
  }
}

async function startWithNode(command: string, args: readonly string[], options: RunOptions): Promise<Running> {
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
    // A group of its own, which can be ended as one.
    detached: !isWindows,
  });
  const code = new Promise<number>((resolve, reject) =>
    child.on("error", reject).on("close", (code) => resolve(code ?? 1))
  );
  const { pid } = child;
  // It could not be started, which is about to be told.
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
      end(() => process.kill(-pid!, "SIGKILL"));
      end(() => child.kill("SIGKILL"));
    },
  };
}

/** Tries to end something, which may have ended by itself. */
function end(kill: () => void): void {
  try {
    kill();
  } catch {
    // Nothing is left to do.
  }
}

async function finish(
  { stdout, stderr, code, kill }: Running,
  signal: AbortSignal | undefined,
): Promise<CommandOutput> {
  const readers = [stdout, stderr].map((stream) => stream.getReader());
  let leave = () => {};
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal!.reason);
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave);
  });
  try {
    const [exit, out = "", err = ""] = await Promise.race([left, Promise.all([code, ...readers.map(readOutput)])]);
    return { code: exit, stdout: out, stderr: err };
  } catch (error) {
    kill();
    // What it has started may hold the other end.
    for (const reader of readers) void reader.cancel().catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

async function readOutput(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const text = await readText(() => reader.read(), MAX_BYTES);
  if (text === undefined) throw new RangeError("It wrote more than a megabyte");
  return text;
}
