// The members of `runtime` that each runtime has.
import { createRuntime, detectPlatform, type Runtime } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";

/** The members that exist on Deno, Node and Bun, and on no other runtime. */
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
  test(`"${member}" exists only on runtimes with an operating system`, () => {
    assert.equal(createRuntime()[member] !== undefined, hasSystem);
  });
}

for (const member of [...FUNCTIONS, "env", "now", "sleep"] as const) {
  test(`"${member}" of an injected runtime takes precedence, and is called with it as "this"`, () => {
    const runtime = {
      [member](this: unknown) {
        return this;
      },
    };
    const found = createRuntime(runtime)[member] as () => unknown;
    assert.equal(found(), runtime);
  });
}

test("the operating system of an injected runtime takes precedence", () => {
  assert.equal(createRuntime({ platform: "aix" }).platform, "aix");
});

test("an injected runtime does not read the files of the system", () => {
  assert.equal(createRuntime({ readTextFile: () => Promise.resolve("") }).fileSize, undefined);
});

test("the operating system has its name in Node, or is undefined", () => {
  assert.match(
    createRuntime().platform ?? "none",
    hasSystem ? /^(linux|darwin|win32|freebsd|netbsd|openbsd|aix|sunos|android)$/ : /^none$/,
  );
});
