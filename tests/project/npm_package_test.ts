// Runs on: node, bun
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const skip = "Deno" in globalThis && "Deno runs the source";
const require = createRequire(import.meta.url);
const manifest = skip
  ? "{}"
  : readFileSync(require.resolve("@azweb/identity").replace(/mod\.js$/, "package.json"), "utf8");
const { name, exports = {}, engines } = JSON.parse(manifest) as {
  name: string;
  exports?: Record<string, unknown>;
  engines?: unknown;
};

test("the package exports subpaths", { skip }, () => assert.ok(Object.keys(exports).length > 5));

test("the package states the oldest supported release of each runtime", { skip }, () => {
  assert.deepEqual(engines, { deno: ">=2.5.0", bun: ">=1.3.0", node: "^20.19.0 || >=22.3.0" });
});

for (const subpath of Object.keys(exports)) {
  const specifier = name + subpath.slice(1);
  test(`${specifier} can be imported and required`, async () => {
    const imported = Object.keys(await import(specifier));
    assert.notEqual(imported.length, 0);
    assert.deepEqual(Object.keys(require(specifier)).filter((key) => key !== "__esModule").sort(), imported.sort());
  });
}
