/**
 * Generates random sequences of calls, failures and passing time, and checks the identity of each returned token
 * against the rules; many more sequences than the tests do: `deno task model --sequences 100000 --seed 1`.
 *
 * Stops at the first counterexample of each family of chains, and prints the smallest sequence that reproduces it. With
 * `--all`, continues and lists each kind of counterexample once.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { explore } from "../tests/support/core/model_explore.ts";
import { createCounts, describeCounts } from "../tests/support/core/model_run.ts";
import { FAMILIES } from "../tests/support/core/model_scenario.ts";
import { readArguments } from "./usage.ts";

const USAGE = "Usage: deno task model [--sequences <number>] [--seed <number>] [--family <part of a name>] [--all]";

/** Parses the arguments. Throws an error if one is not valid. */
function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: {
      sequences: { type: "string", default: "10000" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      family: { type: "string", default: "" },
      all: { type: "boolean", default: false },
    },
  });
  const [sequences, seed] = [values.sequences, values.seed].map(Number) as [number, number];
  if (!Number.isInteger(sequences) || sequences < 1) throw new Error("--sequences must be a positive integer");
  if (!Number.isInteger(seed)) throw new Error("--seed must be an integer");
  const families = FAMILIES.filter((family) => family.includes(values.family));
  if (families.length === 0) throw new Error(`--family must be part of one of: ${FAMILIES.join(", ")}`);
  return { sequences, seed, families, all: values.all };
}

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const { sequences, seed, families, all } = readArguments(args, USAGE, () => readOptions(args));
  const counts = createCounts();
  const start = performance.now();
  let failures = 0;
  console.log(`Seed ${seed}, ${sequences} sequences`);
  for (const family of families) {
    const share = Math.ceil(sequences / families.length);
    const found = await explore(family, { sequences: share, seed, counts, all });
    failures += found.length;
    console.log(`${family}: ${found.length === 0 ? "no counterexample" : `${found.length} kinds of counterexample`}`);
    for (const { message, scenario, seed } of found) {
      const { box, programs } = scenario ?? {};
      console.log(`\n${message}\n  seed ${seed}\n  ${JSON.stringify({ box, programs })}\n`);
    }
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${describeCounts(counts)}\n  ${seconds} s`);
  return failures === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
