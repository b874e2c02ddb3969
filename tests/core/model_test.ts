// Random sequences of calls, failures and time: each token belongs to an identity that the rules of the outcomes allow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { explore } from "../support/core/model_explore.ts";
import { createCounts, describeCounts } from "../support/core/model_run.ts";
import { FAMILIES } from "../support/core/model_scenario.ts";

const SEED = 20_261_129;
/** Number of sequences. Fewer on runtimes where a turn of the event loop takes a millisecond. */
const SEQUENCES = "Deno" in globalThis ? 5000 : 400;

const counts = createCounts();

for (const family of FAMILIES) {
  test(`${family}: each token belongs to an allowed identity`, async () => {
    const [found] = await explore(family, { sequences: SEQUENCES / FAMILIES.length, seed: SEED, counts });
    assert.equal(found?.message, undefined);
  });
}

test("the sequences include every failure, and permanent and temporary selections", () => {
  console.log(`Figures of the model, seed ${SEED}: ${describeCounts(counts)}`);
  assert.ok(counts.permanentSelections > 0 && counts.temporarySelections > 0 && counts.faults.size > 0);
});
