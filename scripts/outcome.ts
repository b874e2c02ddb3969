import type { FileCost } from "./progress.ts";

/** What became of one test. */
export interface Outcome {
  /** With the names of the groups around it: `"cache > hit"`. */
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed, or why it was skipped if the runner says. */
  readonly message?: string;
}

/** What a runner tells while it runs: the file whose tests follow, the name of a test that begins, and what became of one. */
export type TestEvent = { readonly file: string } | { readonly begin: string } | { readonly end: Outcome };

/** What a runtime made of the suite. */
export interface Result {
  /** The runtime with its version: `"Node 20.19.0"`. */
  readonly runtime: string;
  readonly outcomes: readonly Outcome[];
  /** The figures that the tests wrote. Default: nothing. */
  readonly figures?: string;
  /** What the files cost. Default: nothing, where no test was run. */
  readonly costs?: readonly FileCost[];
}

/** The machine cannot run a runtime: the message says what is missing. */
export class Unavailable extends Error {}

/** Returns a failure with the last lines of what a runner wrote, for what it does not report as a test. */
export function failure(name: string, output: string): Outcome {
  return { name, status: "failed", message: output.trim().split("\n").slice(-16).join("\n") };
}
