// What stands behind the members of `runtime`, by the place the tests run in.
import {
  detectPlatform,
  fileFinder,
  fileSizer,
  loopbackListener,
  operatingSystem,
  programRunner,
  type RuntimeMembers,
  textFileReader,
  tlsFetcher,
  urlOpener,
} from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";

/** Each member that is a function, and what finds it. */
const FINDERS: Readonly<Record<string, (runtime?: RuntimeMembers) => unknown>> = {
  fileExists: fileFinder,
  fileSize: fileSizer,
  listen: loopbackListener,
  openUrl: urlOpener,
  readTextFile: textFileReader,
  run: programRunner,
  tlsFetch: tlsFetcher,
};

const hasSystem = ["deno", "node", "bun"].includes(detectPlatform());

for (const [member, find] of Object.entries({ ...FINDERS, platform: operatingSystem })) {
  test(`"${member}" is there where a system is, and nowhere else`, () => {
    assert.equal(find() !== undefined, hasSystem);
  });
}

for (const [member, find] of Object.entries(FINDERS)) {
  test(`"${member}" of a runtime that is handed in comes first, and knows it as "this"`, () => {
    const runtime = {
      [member](this: unknown) {
        return this;
      },
    };
    const found = find(runtime) as () => unknown;
    assert.equal(found(), runtime);
  });
}

test("the files of a runtime that is handed in are not those of the system", () => {
  assert.equal(fileSizer({ readTextFile: () => Promise.resolve("") }), undefined);
});

test("the operating system goes by its name in Node, where there is one", () => {
  assert.match(
    operatingSystem() ?? "none",
    hasSystem ? /^(linux|darwin|win32|freebsd|netbsd|openbsd|aix|sunos|android)$/ : /^none$/,
  );
});
