import type { Unavailable } from "./unavailable.ts";

/** A failed attempt of a chain to get a token from a credential, for the error table. */
export interface Attempt extends Unavailable {
  /** Name of the credential. */
  readonly name: string;
  readonly elapsedInMs: number;
  readonly reason: string;
  readonly nextStep: string;
}

/** Returns the lines of a table of the attempts: outcome, time, reason and next step. */
export function chainReport(attempts: readonly Attempt[]): string[] {
  const rows = attempts.map(({ name, outcome, elapsedInMs, reason, nextStep }) => {
    const [prefix, suffix] = [`${name}: `, `: ${nextStep}`];
    const start = reason.startsWith(prefix) ? prefix.length : 0;
    const end = nextStep && reason.endsWith(suffix) ? -suffix.length : undefined;
    const why = reason.slice(start, end);
    const cell = (nextStep ? `${why}\n→ ${nextStep}` : why).replaceAll("\n", "\n    ");
    return [name, inWords(outcome), `${elapsedInMs} ms`, cell];
  });
  const all = [["credential", "outcome", "time", "reason and next step"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}

/** Returns an outcome in words, for a message. */
export function inWords(outcome: Unavailable["outcome"]): string {
  return outcome.replaceAll("-", " ");
}
