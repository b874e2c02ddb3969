// What stands behind the members of `runtime`, by the place the tests run in.
import { createRuntime, detectPlatform, type Runtime } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";

/** The members of which a system has each, and no other place has any. */
const FUNCTIONS = [
  "fileExists",
  "fileSize",
  "listen",
  "openUrl",
  "readTextFile",
  "run",
  "tlsFetch",
] as const satisfies (keyof Runtime)[];

const hasSystem = ["deno", "node", "bun"].includes(detectPlatform());

for (const member of [...FUNCTIONS, "platform"] as const) {
  test(`"${member}" is there where a system is, and nowhere else`, () => {
    assert.equal(createRuntime()[member] !== undefined, hasSystem);
  });
}

for (const member of [...FUNCTIONS, "env", "now", "sleep"] as const) {
  test(`"${member}" of a runtime that is handed in comes first, and knows it as "this"`, () => {
    const runtime = {
      [member](this: unknown) {
        return this;
      },
    };
    const found = createRuntime(runtime)[member] as () => unknown;
    assert.equal(found(), runtime);
  });
}

test("the operating system of a runtime that is handed in comes first", () => {
  assert.equal(createRuntime({ platform: "aix" }).platform, "aix");
});

test("the files of a runtime that is handed in are not those of the system", () => {
  assert.equal(createRuntime({ readTextFile: () => Promise.resolve("") }).fileSize, undefined);
});

test("the operating system goes by its name in Node, where there is one", () => {
  assert.match(
    createRuntime().platform ?? "none",
    hasSystem ? /^(linux|darwin|win32|freebsd|netbsd|openbsd|aix|sunos|android)$/ : /^none$/,
  );
});
