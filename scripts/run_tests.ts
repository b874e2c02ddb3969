import { basename } from "node:path";
import { cpuSecondsOf } from "./processes.ts";
import { followTests, type Progress, type Report } from "./progress.ts";
import { type Ending, run, type RunOptions } from "./run.ts";

/** What {@linkcode runTests} accepts. */
export interface TestRunOptions {
  readonly cwd?: string;
  readonly silenceInMs?: number | undefined;
  /** Returns functions that read the tests' events from the command's output and pass them to `progress`. */
  readonly follow: (progress: Progress) => Pick<RunOptions, "onStdout" | "onStderr">;
  /** Ends the command without a failure. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a command that runs tests. Ends it, together with the processes that it has started, if no test ends within
 * `silenceInMs`.
 */
export async function runTests(
  command: string,
  args: readonly string[],
  { silenceInMs, follow, signal, ...options }: TestRunOptions,
): Promise<Ending & Report> {
  let id: number | undefined;
  const progress = followTests({
    runner: basename(command),
    cpuSeconds: () => id === undefined ? undefined : cpuSecondsOf(id),
    silenceInMs,
  });
  let report: Report;
  let ending: Ending;
  try {
    ending = await run(command, args, {
      ...options,
      timeoutInMs: Infinity,
      signal: signal ? AbortSignal.any([signal, progress.signal]) : progress.signal,
      onStart: (started) => id = started,
      ...follow(progress),
    });
  } finally {
    report = progress.stop();
  }
  return { ...ending, ...report };
}
