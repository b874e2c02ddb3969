/** A problem that a check found. */
export interface Problem {
  /** The file, with the line if known: `src/core/retry.ts:12`. */
  readonly where: string;
  /** The broken rule, and how it is broken. */
  readonly what: string;
}

/** Prints the problems and ends the process: with 1 if there are any, else with 0. */
export function report(problems: readonly Problem[]): never {
  for (const { where, what } of problems) console.error(`${where}: ${what}`);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
