/** What a check found. */
export interface Problem {
  /** The file, with the line if there is one: `src/core/retry.ts:12`. */
  readonly where: string;
  /** The rule that is broken, and how. */
  readonly what: string;
}

/** Prints what a check found and ends the process: with 1 if there is a problem, with 0 if there is none. */
export function report(problems: readonly Problem[]): never {
  for (const { where, what } of problems) console.error(`${where}: ${what}`);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
