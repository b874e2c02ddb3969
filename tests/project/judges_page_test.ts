// Runs on: deno
// docs/migration.md has each difference to the libraries for other languages that `deno task judges` knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DIFFERENCES } from "../../scripts/judges/differences.ts";
import { ROOT } from "../../scripts/run.ts";

test("each difference to the libraries for Python and Go has its reason", async () => {
  const page = (await Deno.readTextFile(`${ROOT}docs/migration.md`)).replace(/\s+/g, " ");
  const reasons = DIFFERENCES.filter(({ of }) => of.some((library) => library !== "npm")).map(({ because }) => because);
  assert.ok(reasons.length > 5);
  assert.deepEqual(reasons.filter((reason) => !page.includes(`- ${reason}.`)), []);
});
