// What stands behind the members of `runtime`, by the place the tests run in.
import { detectPlatform, fileFinder, operatingSystem, textFileReader, tlsFetcher } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";

const hasSystem = ["deno", "node", "bun"].includes(detectPlatform());

for (const [name, capability] of Object.entries({ fileFinder, operatingSystem, textFileReader, tlsFetcher })) {
  test(`${name} is there where a system is, and nowhere else`, () => {
    assert.equal(capability() !== undefined, hasSystem);
  });
}

test("the operating system goes by its name in Node, where there is one", () => {
  assert.match(
    operatingSystem() ?? "none",
    hasSystem ? /^(linux|darwin|win32|freebsd|netbsd|openbsd|aix|sunos|android)$/ : /^none$/,
  );
});
