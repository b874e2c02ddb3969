import { cpuSecondsOf } from "./processes.ts";
import { followTests, type Progress, type Report } from "./progress.ts";
import { type Ending, run, type RunOptions } from "./run.ts";

/** What {@linkcode runTests} accepts. */
export interface TestRunOptions {
  readonly cwd?: string;
  readonly silenceInMs?: number | undefined;
  /** Receives what is to be told of the tests' progress. Returns what reads it from the command's output. */
  readonly follow: (progress: Progress) => Pick<RunOptions, "onStdout" | "onStderr">;
  /** Ends it without a failure. */
  readonly signal?: AbortSignal;
}

/** Runs a command that runs tests, for as long as tests end; then ends it together with all that it has started. */
export async function runTests(
  command: string,
  args: readonly string[],
  { silenceInMs, follow, signal, ...options }: TestRunOptions,
): Promise<Ending & Report> {
  let id: number | undefined;
  const progress = followTests({ cpuSeconds: () => id === undefined ? undefined : cpuSecondsOf(id), silenceInMs });
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
