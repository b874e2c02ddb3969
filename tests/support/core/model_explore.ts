/**
 * Explores many random scenarios of a family of chains.
 *
 * @module
 */
import fc from "fast-check";
import { Counterexample, type Counts, runScenario } from "./model_run.ts";
import { loadModules } from "./model_programs.ts";
import { type Family, type Scenario, scenarioOf } from "./model_scenario.ts";

/** A kind of counterexample, with the smallest scenario that reproduces it. */
export interface Finding {
  readonly kind: string;
  readonly seed: number;
  readonly scenario: Scenario | undefined;
  readonly message: string;
}

/** Number of scenarios per seed. */
const BATCH = 250;

/** Runs random scenarios. Returns the first counterexample, or with `all` the first one of each kind. */
export async function explore(
  family: Family,
  { sequences, seed, counts, all = false }: {
    readonly sequences: number;
    readonly seed: number;
    readonly counts: Counts;
    readonly all?: boolean;
  },
): Promise<Finding[]> {
  await loadModules();
  const found = new Map<string, Finding>();
  const property = fc.asyncProperty(scenarioOf(family), async (scenario) => {
    try {
      await runScenario(scenario, counts);
    } catch (error) {
      if (!(error instanceof Counterexample) || !found.has(error.kind)) throw error;
    }
  });
  for (let done = 0; done < sequences; done += BATCH) {
    const parameters = { seed: seed + done, numRuns: Math.min(BATCH, sequences - done) };
    for (;;) {
      const { failed, counterexample, errorInstance } = await fc.check(property, parameters);
      if (!failed) break;
      const kind = errorInstance instanceof Counterexample ? errorInstance.kind : String(errorInstance);
      const message = errorInstance instanceof Error ? errorInstance.stack ?? errorInstance.message : kind;
      const isKnown = found.has(kind);
      found.set(kind, { kind, seed: parameters.seed, scenario: counterexample?.[0], message });
      if (!all || isKnown) return [...found.values()];
    }
  }
  return [...found.values()];
}
