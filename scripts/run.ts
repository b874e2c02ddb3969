import { fileURLToPath } from "node:url";

/** How a process ended, and what it wrote. */
export interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@linkcode run} accepts. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take, in milliseconds. Default: five minutes. */
  readonly timeoutInMs?: number;
  /** Ends it earlier. */
  readonly signal?: AbortSignal;
}

/** The root of the project. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** Runs a command to its end, without colours. Rejects with {@linkcode Deno.errors.NotFound} where there is no such command. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const { cwd = ROOT, env, timeoutInMs = 300_000, signal: early } = options;
  const late = AbortSignal.timeout(timeoutInMs);
  const child = new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: early ? AbortSignal.any([early, late]) : late,
  });
  const { code, signal, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const note = late.aborted ? `\nEnded by ${signal} after ${timeoutInMs / 1000} s` : "";
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) + note };
}

/** Like {@linkcode run}, and returns the standard output. Rejects with what the command wrote if it does not exit with 0. */
export async function runOrThrow(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`Cannot run ${command} ${args[0]}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
