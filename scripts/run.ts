import { fileURLToPath } from "node:url";
import { endProcesses, MARK } from "./processes.ts";

/** The exit code and the output of a process. */
export interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@linkcode run} accepts. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The time limit in milliseconds. Default: five minutes. */
  readonly timeoutInMs?: number;
  /** Ends the process early. */
  readonly signal?: AbortSignal;
  /** Receives the process's id. */
  readonly onStart?: (id: number) => void;
  /** Receives each part of its standard output as it arrives. */
  readonly onStdout?: (text: string) => void;
  /** Receives each part of its standard error as it arrives. */
  readonly onStderr?: (text: string) => void;
}

/** The root of the project. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/**
 * The mark of the processes that this one starts. In a test of the scripts, it begins with the mark of the outer run.
 */
const OWN_MARK = `${Deno.env.get(MARK) ?? ""}/${crypto.randomUUID()}`;

/** Ids of the running commands, each the leader of a process group. */
const running = new Set<number>();
/** The signals that a terminal sends to this process's group, to which the commands do not belong. */
export const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];
let started = 0;
/** A reference to the process of {@linkcode cleanUpAfterThisProcess}, so that its standard input stays open. */
let watcher: Deno.ChildProcess;

/**
 * Runs a command to its end, without colours. A command that exceeds its time limit is ended together with the
 * processes that it has started. Rejects with {@linkcode Deno.errors.NotFound} if there is no such command.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const { cwd = ROOT, env, timeoutInMs = 300_000, signal: early, onStart, onStdout, onStderr } = options;
  const mark = `${OWN_MARK}.${++started}.`;
  const child = new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { ...env, NO_COLOR: "1", [MARK]: mark },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // In a group of its own, so that all of its processes can be ended.
    detached: true,
  }).spawn();
  if (running.size === 0) SIGNALS.forEach((name) => Deno.addSignalListener(name, stopHard));
  running.add(child.pid);
  onStart?.(child.pid);
  let isLate = false;
  function endNow(): void {
    endProcesses(child.pid, mark);
  }
  const timer = timeoutInMs === Infinity ? undefined : setTimeout(() => {
    isLate = true;
    endNow();
  }, timeoutInMs);
  early?.addEventListener("abort", endNow);
  if (early?.aborted) endNow();
  try {
    const [{ code, signal }, stdout, stderr] = await Promise.all([
      child.status,
      read(child.stdout, onStdout),
      read(child.stderr, onStderr),
    ]);
    const note = isLate ? `\nEnded by ${signal} after ${timeoutInMs / 1000} s` : "";
    return { code, stdout, stderr: stderr + note };
  } finally {
    clearTimeout(timer);
    early?.removeEventListener("abort", endNow);
    running.delete(child.pid);
    if (running.size === 0) SIGNALS.forEach((name) => Deno.removeSignalListener(name, stopHard));
  }
}

async function read(stream: AsyncIterable<Uint8Array>, onText?: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const bytes of stream) {
    const text = decoder.decode(bytes, { stream: true });
    all += text;
    onText?.(text);
  }
  return all;
}

function stopHard(): never {
  endAllRuns();
  Deno.exit(130);
}

/** Ends every command that {@linkcode run} has started, together with their processes. */
export function endAllRuns(): void {
  for (const id of running) endProcesses(id, OWN_MARK);
  endProcesses(undefined, OWN_MARK);
}

/**
 * Starts a process that waits for the end of this one, by whatever signal, and then ends every command that
 * {@linkcode run} has started, together with their processes, and removes a folder.
 */
export function cleanUpAfterThisProcess(folder: string): void {
  const script = fileURLToPath(new URL("clean_up.ts", import.meta.url));
  watcher = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", script, OWN_MARK, folder],
    // The system closes it when this process has ended.
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  watcher.unref();
}

/** Runs a command and returns its standard output. Rejects with the command's output if it does not exit with 0. */
export async function runOrThrow(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`Cannot run ${command} ${args[0]}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
