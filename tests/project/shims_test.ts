// The replacements for node:test and node:assert/strict, which all tests use on runtimes without these modules.
import { describe, test } from "node:test";
import assert from "node:assert/strict";
import shim from "../runtimes/node_assert_strict.ts";
import { createRunner } from "../runtimes/node_test.ts";

type Assert = typeof assert;

class Special extends TypeError {
  override name = "Special";
  detail = "d";
}

function cycle(): object {
  const self: Record<string, unknown> = {};
  return self.self = self;
}

function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

/** Assertions that must pass, with `node:assert/strict` and with its replacement. */
const PASSING: Record<string, (assert: Assert) => unknown> = {
  "a call of assert": (assert) => assert(1),
  "ok": (assert) => assert.ok("a"),
  "equal": (assert) => assert.equal(NaN, NaN),
  "notEqual": (assert) => assert.notEqual(0, -0),
  "notEqual of a number and a string": (assert) => assert.notEqual(1, "1"),
  "deepEqual of objects": (assert) => assert.deepEqual({ a: [1, { b: undefined }] }, { a: [1, { b: undefined }] }),
  "deepEqual of members in another order": (assert) => assert.deepEqual({ a: 1, b: 2 }, { b: 2, a: 1 }),
  "deepEqual of cycles": (assert) => assert.deepEqual(cycle(), cycle()),
  "deepEqual of dates": (assert) => assert.deepEqual(new Date(5), new Date(5)),
  "deepEqual of maps": (assert) => assert.deepEqual(new Map([["a", [1]], ["b", []]]), new Map([["b", []], ["a", [1]]])),
  "deepEqual of sets": (assert) => assert.deepEqual(new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }])),
  "deepEqual of bytes": (assert) => assert.deepEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2])),
  "deepEqual of errors": (assert) => assert.deepEqual(new Special("a"), new Special("a")),
  "notDeepEqual": (assert) => assert.notDeepEqual({ a: 1 }, { a: 2 }),
  "match": (assert) => assert.match("abc", /b/),
  "doesNotMatch": (assert) => assert.doesNotMatch("abc", /d/),
  // deno-lint-ignore azweb/expected-error
  "throws": (assert) => assert.throws(throwing(new Error("a"))),
  "throws of a string": (assert) => assert.throws(throwing("a"), /a/),
  "throws with a pattern": (assert) => assert.throws(throwing(new TypeError("a")), /TypeError: a/),
  "throws with a class": (assert) => assert.throws(throwing(new Special("a")), TypeError),
  "throws with members": (assert) =>
    assert.throws(throwing(new Special("a")), { name: "Special", message: /^a$/, detail: "d" }),
  "throws with an error": (assert) => assert.throws(throwing(new TypeError("a")), new TypeError("a")),
  "throws with a function": (assert) =>
    assert.throws(throwing(new Error("a")), (error: Error) => error.message === "a"),
  "rejects": (assert) => assert.rejects(Promise.reject(new Error("a")), { message: "a" }),
  "rejects of a function": (assert) => assert.rejects(() => Promise.reject(new Error("a")), /a/),
  "doesNotReject": (assert) => assert.doesNotReject(Promise.resolve()),
  "doesNotThrow": (assert) => assert.doesNotThrow(() => {}),
  "ifError": (assert) => assert.ifError(null),
};

/** Assertions that must fail, with `node:assert/strict` and with its replacement. */
const FAILING: Record<string, (assert: Assert) => unknown> = {
  "a call of assert": (assert) => assert(0),
  "ok": (assert) => assert.ok(""),
  "equal of a number and a string": (assert) => assert.equal<unknown>(1, "1"),
  "equal of 0 and -0": (assert) => assert.equal(0, -0),
  "equal of objects": (assert) => assert.equal({}, {}),
  "notEqual": (assert) => assert.notEqual(NaN, NaN),
  "deepEqual of members of different types": (assert) => assert.deepEqual({ a: 1 }, { a: "1" } as never),
  "deepEqual with a member too many": (assert) => assert.deepEqual({ a: 1, b: undefined }, { a: 1 } as never),
  "deepEqual with a member too few": (assert) => assert.deepEqual({ a: 1 }, { a: 1, b: undefined } as never),
  "deepEqual with other members": (assert) => assert.deepEqual({ a: undefined }, { b: undefined } as never),
  "deepEqual with an additional symbol": (assert) => assert.deepEqual({ [Symbol.iterator]: 1 }, {} as never),
  "deepEqual of objects with different prototypes": (assert) => assert.deepEqual(Object.create(null), {}),
  "deepEqual of an array and an object": (assert) => assert.deepEqual<unknown>([], {}),
  "deepEqual of arrays in another order": (assert) => assert.deepEqual([1, 2], [2, 1]),
  "deepEqual of a hole and undefined": (assert) => assert.deepEqual(new Array(1), [undefined]),
  "deepEqual of arrays of different lengths": (assert) => assert.deepEqual([1], [1, 2]),
  "deepEqual of null and an object": (assert) => assert.deepEqual<unknown>(null, {}),
  "deepEqual of dates": (assert) => assert.deepEqual(new Date(5), new Date(6)),
  "deepEqual of patterns": (assert) => assert.deepEqual(/a/g, /a/i),
  "deepEqual of maps": (assert) => assert.deepEqual(new Map([["a", 1]]), new Map([["a", 2]])),
  "deepEqual of sets": (assert) => assert.deepEqual(new Set([1, 1, 2]), new Set([1, 2, 3])),
  "deepEqual of bytes": (assert) => assert.deepEqual(new Uint8Array([1]), new Uint8Array([2])),
  "deepEqual of buffers": (assert) => assert.deepEqual(new Uint8Array([1]).buffer, new Uint8Array([2]).buffer),
  "deepEqual of errors": (assert) => assert.deepEqual(new Error("a"), new Error("b")),
  "deepEqual of causes": (assert) => assert.deepEqual(new Error("a", { cause: 1 }), new Error("a", { cause: 2 })),
  "deepEqual of numbers in objects": (assert) => assert.deepEqual(Object(1), Object(2)),
  "notDeepEqual": (assert) => assert.notDeepEqual({ a: [1] }, { a: [1] }),
  "match": (assert) => assert.match("abc", /d/),
  "match of a number": (assert) => assert.match(1 as never, /1/),
  "doesNotMatch": (assert) => assert.doesNotMatch("abc", /b/),
  "fail": (assert) => assert.fail("no"),
  // deno-lint-ignore azweb/expected-error
  "throws of a function that does not throw": (assert) => assert.throws(() => {}),
  "throws with another pattern": (assert) => assert.throws(throwing(new Error("a")), /b/),
  "throws with another class": (assert) => assert.throws(throwing(new Error("a")), TypeError),
  "throws with another member": (assert) => assert.throws(throwing(new Special("a")), { message: "a", detail: "e" }),
  "throws with a missing member": (assert) => assert.throws(throwing(new Special("a")), { nothing: undefined }),
  "throws with another pattern in a member": (assert) => assert.throws(throwing(new Error("a")), { message: /b/ }),
  "throws with another error": (assert) => assert.throws(throwing(new TypeError("a")), new Error("a")),
  "throws with a function that returns false": (assert) => assert.throws(throwing(new Error("a")), () => false),
  "throws with a function that returns 1": (assert) => assert.throws(throwing(new Error("a")), () => 1 as never),
  // deno-lint-ignore azweb/expected-error
  "rejects of a fulfilled promise": (assert) => assert.rejects(Promise.resolve()),
  "rejects with other members": (assert) => assert.rejects(Promise.reject(new Error("a")), { message: "b" }),
  // deno-lint-ignore azweb/expected-error
  "rejects of a function that throws": (assert) => assert.rejects(throwing(new Error("a")) as never),
  // deno-lint-ignore azweb/expected-error
  "rejects of a function that returns no promise": (assert) => assert.rejects((() => 1) as never),
  "doesNotReject": (assert) => assert.doesNotReject(Promise.reject(new Error("a"))),
  "doesNotThrow": (assert) => assert.doesNotThrow(throwing(new Error("a"))),
  "ifError": (assert) => assert.ifError(new Error("a")),
};

for (
  const [name, implementation] of Object.entries({
    "node:assert/strict": assert,
    "its replacement": shim as unknown as Assert,
  })
) {
  describe(`${name}`, () => {
    for (const [title, body] of Object.entries(PASSING)) {
      test(`passes: ${title}`, async () => void await body(implementation));
    }
    for (const [title, body] of Object.entries(FAILING)) {
      test(`fails: ${title}`, async () => {
        const failed = await (async () => await body(implementation))().then(() => false, () => true);
        if (!failed) throw new Error("The assertion passed");
      });
    }
  });
}

describe("the replacement for node:test", () => {
  /** Runs one file of tests. Returns the outcomes as `name: status`. */
  async function run(file: (runner: ReturnType<typeof createRunner>) => unknown): Promise<string[]> {
    const runner = createRunner();
    const outcomes = await runner.run({ file: async () => void await file(runner) });
    return outcomes.map(({ name, status }) => `${name}: ${status}`);
  }

  test("reports each test with its groups", async () => {
    const outcomes = await run(({ test, describe }) => {
      test("one", () => {});
      describe("group", () => {
        test("two", async () => await Promise.resolve());
        describe("inner", () => void test("three", throwing(new Error("a"))));
      });
      test("four", () => Promise.reject(new Error("a")));
      test("five");
    });
    assert.deepEqual(outcomes, [
      "file > one: passed",
      "file > group > two: passed",
      "file > group > inner > three: failed",
      "file > four: failed",
      "file > five: passed",
    ]);
  });

  test("runs tests in sequence", async () => {
    const steps: string[] = [];
    await run(({ test }) => {
      for (const name of ["a", "b"]) {
        test(name, async () => {
          steps.push(`${name} starts`);
          await new Promise((resolve) => setTimeout(resolve));
          steps.push(`${name} ends`);
        });
      }
    });
    assert.deepEqual(steps, ["a starts", "a ends", "b starts", "b ends"]);
  });

  test("does not run skipped tests", async () => {
    const fail = throwing(new Error("It ran"));
    const outcomes = await run(({ test, describe }) => {
      test("one", { skip: "no reason" }, fail);
      test("two", { skip: true }, fail);
      test("three", { skip: false }, () => {});
      test.skip("four", fail);
      describe("five", { skip: "no reason" }, fail);
      test("six", (context) => context.skip("no reason"));
    });
    assert.deepEqual(outcomes, [
      "file > one: skipped",
      "file > two: skipped",
      "file > three: passed",
      "file > four: skipped",
      "file > five: skipped",
      "file > six: skipped",
    ]);
  });

  test("reports a file that cannot be loaded, and runs the next one", async () => {
    const runner = createRunner();
    const outcomes = await runner.run({
      broken: () => Promise.reject(new Error("No module")),
      good: () => Promise.resolve(runner.test("one", () => {})),
    });
    assert.deepEqual(outcomes.map(({ name, status }) => `${name}: ${status}`), [
      "broken: failed",
      "good > one: passed",
    ]);
    assert.match(outcomes[0]!.message!, /No module/);
  });

  test("runs subtests, awaited or not", async () => {
    const outcomes = await run(({ test }) => {
      test("one", async (context) => {
        await context.test("first", () => {});
        context.test("second", throwing(new Error("a")));
      });
    });
    assert.deepEqual(outcomes, ["file > one > first: passed", "file > one > second: failed"]);
  });

  test("fails a test that does not end", async () => {
    const outcomes = await run(({ test }) => void test("one", { timeout: 1 }, () => new Promise(() => {})));
    assert.deepEqual(outcomes, ["file > one: failed"]);
  });

  test("runs hooks, and reports a hook that throws", async () => {
    const steps: string[] = [];
    const outcomes = await run(({ test, describe, before, after, beforeEach, afterEach }) => {
      before(() => void steps.push("before"));
      beforeEach(() => void steps.push("each"));
      describe("group", () => {
        afterEach(() => void steps.push("after each"));
        test("one", () => void steps.push("one"));
        after(throwing(new Error("a")));
      });
    });
    assert.deepEqual(steps, ["before", "each", "one", "after each"]);
    assert.deepEqual(outcomes, ["file > group > one: passed", "file > group: failed"]);
  });

  test("reports the error of a failed test and its cause", async () => {
    const runner = createRunner();
    const [outcome] = await runner.run({
      file: () => Promise.resolve(runner.test("one", throwing(new Error("outer", { cause: new Error("inner") })))),
    });
    assert.match(outcome!.message!, /outer[^]*caused by [^]*inner/);
  });
});
