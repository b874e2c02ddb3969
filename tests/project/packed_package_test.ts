// Runs on: deno
// When the packed package is built, and when the cached one is used.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { packedPackage } from "../../scripts/packed_package.ts";

const SOURCES = [
  ...["mod.ts", "src/a.ts", "src/core/b.ts", "deno.json", "deno.lock", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["scripts/build_npm.ts", "scripts/check_layers.ts", "scripts/edge_modules.ts"],
];

let root: string;
let builds: number;

beforeEach(async () => {
  builds = 0;
  root = await mkdtemp(join(tmpdir(), "azweb-packed-")) + "/";
  for (const folder of ["src/core", "scripts", "node_modules"]) await mkdir(root + folder, { recursive: true });
  for (const source of SOURCES) await writeFile(root + source, "1");
});

afterEach(() => rm(root, { recursive: true }));

async function pack(): Promise<string> {
  const path = await packedPackage({
    root,
    build: (folder) => writeFile(join(folder, "mod.js"), `build ${++builds}`),
  });
  return await readFile(join(path, "mod.js"), "utf8");
}

test("the package is built once", async () => {
  assert.equal(await pack(), "build 1");
  assert.equal(await pack(), "build 1");
});

for (const source of SOURCES) {
  test(`the package is rebuilt after a change of ${source}, and not after the change is reverted`, async () => {
    await pack();
    await writeFile(root + source, "2");
    assert.equal(await pack(), "build 2");
    await writeFile(root + source, "1");
    assert.equal(await pack(), "build 1");
  });
}

test("the package is rebuilt after a file was added, removed or renamed", async () => {
  await pack();
  await writeFile(`${root}src/c.ts`, "1");
  assert.equal(await pack(), "build 2");
  await rm(`${root}src/a.ts`);
  assert.equal(await pack(), "build 3");
  await rm(`${root}src/c.ts`);
  await writeFile(`${root}src/d.ts`, "1");
  assert.equal(await pack(), "build 4");
});

test("the package is rebuilt after a failed build, which leaves no files", async () => {
  const build = () => Promise.reject(new Error("no"));
  await assert.rejects(packedPackage({ root, build }), /no/);
  assert.deepEqual(await readdir(`${root}node_modules/.cache/azweb-identity-package`), []);
  assert.equal(await pack(), "build 1");
});

test("concurrent builds return the same package", async () => {
  const [first, second] = await Promise.all([pack(), pack()]);
  assert.equal(first, second);
  assert.equal(await pack(), first);
});

test("the cache contains the five packages that were used last", async () => {
  for (const version of "abcdefg") {
    await writeFile(`${root}mod.ts`, version);
    await pack();
  }
  assert.equal((await readdir(`${root}node_modules/.cache/azweb-identity-package`)).length, 5);
  assert.equal(await pack(), "build 7");
});
