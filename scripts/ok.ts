/**
 * Runs every check that a change must pass: `deno task ok`. A failed check does not stop the others. `--skip-tests`
 * leaves out the tests. `--fast` leaves out the slow checks, which need not run before each commit: examples, sizes,
 * the package, the tests and the demo.
 *
 * @module
 */

import { ROOT } from "./run.ts";

/** The outcome of one step or of all steps. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Returns the counts of a step: those of its tests if its last line states them, else one. A failed step counts as one
 * failure.
 */
export function countsOf(output: string, success: boolean): Counts {
  const line = /^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/m.exec(output.trimEnd().split("\n").at(-1) ?? "");
  const [passed, failed, skipped] = line
    ? line.slice(1).map(Number) as [number, number, number]
    : [success ? 1 : 0, 0, 0];
  return { passed, failed: success ? failed : Math.max(failed, 1), skipped };
}

/** Returns the steps, each with a name and the arguments for Deno. */
function stepsFor(
  exports: readonly string[],
  { withTests, isFast }: { readonly withTests: boolean; readonly isFast: boolean },
): [name: string, args: string[]][] {
  const fast: [name: string, args: string[]][] = [
    ["Format", ["fmt", "--check"]],
    ["Lint", ["lint"]],
    ["Types of the library", ["check", ...exports]],
    ["Types of tests and scripts", ["check", "tests", "scripts"]],
    ["Layers", ["run", "-A", "scripts/check_layers.ts"]],
    ["Exports", ["run", "-A", "scripts/check_exports.ts"]],
    ["Documents", ["run", "-A", "scripts/check_docs.ts"]],
    ["Coverage", ["run", "-A", "scripts/check_coverage.ts"]],
    ["Words", ["run", "-A", "scripts/check_words.ts"]],
  ];
  if (isFast) return fast;
  return [
    ...fast,
    ["Doc comments", ["doc", "--lint", ...exports]],
    ["Examples", ["run", "-A", "scripts/check_examples.ts"]],
    ["Size", ["run", "-A", "scripts/check_size.ts"]],
    ["Package", ["run", "-A", "scripts/check_package.ts"]],
    ...withTests ? [["Tests", ["run", "-A", "scripts/test.ts"]] as [string, string[]]] : [],
    ["Demo", ["run", "-A", "scripts/demo.ts"]],
  ];
}

/** Runs a step and prints its output. */
async function run(args: string[]): Promise<Counts> {
  const process = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stdout: "piped" }).spawn();
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of process.stdout) {
    Deno.stdout.writeSync(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  const { success } = await process.status;
  return countsOf(output, success);
}

if (import.meta.main) {
  const { exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as { exports: Record<string, string> };
  const total = { passed: 0, failed: 0, skipped: 0 };
  const summary: string[] = [];
  const steps = stepsFor(Object.values(exports), {
    withTests: !Deno.args.includes("--skip-tests"),
    isFast: Deno.args.includes("--fast"),
  });
  for (const [name, args] of steps) {
    console.log(`\n== ${name}: deno ${args.join(" ")}`);
    const start = performance.now();
    const { passed, failed, skipped } = await run(args);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(7);
    summary.push(`${failed === 0 ? "ok    " : "FAILED"} ${seconds} s  ${name}`);
  }
  console.log(`\n${summary.join("\n")}\n\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  Deno.exit(total.failed === 0 ? 0 : 1);
}
