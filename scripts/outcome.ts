import type { FileCost } from "./progress.ts";

/** The outcome of a test. */
export interface Outcome {
  /** The name of the test after the names of its groups: `"cache > hit"`. */
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** The reason of the failure, or of the skip if the runner reports it. */
  readonly message?: string;
}

/**
 * An event of a test run: the file of the following tests, the name of a test that begins, or the outcome of a test.
 */
export type TestEvent = { readonly file: string } | { readonly begin: string } | { readonly end: Outcome };

/** The result of the suite on a runtime. */
export interface Result {
  /** The runtime with its version: `"Node 20.19.0"`. */
  readonly runtime: string;
  readonly outcomes: readonly Outcome[];
  /** The figures that the tests printed. Default: none. */
  readonly figures?: string;
  /** The cost of each file. Default: none, if no test was run. */
  readonly costs?: readonly FileCost[];
}

/** The error of a runtime that cannot be run on this machine. The message names what is missing. */
export class Unavailable extends Error {}

/** Returns a failure with the last lines of a runner's output, for an error that it does not report as a test. */
export function failure(name: string, output: string): Outcome {
  return { name, status: "failed", message: output.trim().split("\n").slice(-16).join("\n") };
}
