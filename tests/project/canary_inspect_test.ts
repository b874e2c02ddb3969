// Like canary_test.ts, for the output of util.inspect, console.log, Deno.inspect and Bun.inspect.
import assert from "node:assert/strict";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { test } from "node:test";
import { inspect } from "node:util";
import { findSecret, SECRET } from "../support/project/canary.ts";
import { credentialOutcomes } from "../support/project/canary_credentials.ts";
import { webSignInOutcomes } from "../support/project/canary_sign_in.ts";
import { toolOutcomes } from "../support/project/canary_tools.ts";

interface Inspector {
  inspect(value: unknown, options?: object): string;
}

const { Deno, Bun } = globalThis as { Deno?: Inspector; Bun?: Inspector };

/** Returns the texts that consoles and debuggers show for a value. */
function shownOf(value: unknown): string[] {
  return [
    inspect(value),
    inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null, getters: true }),
    inspect(value, { depth: Infinity, showHidden: true, customInspect: false, showProxy: true }),
    logged(value),
    ...Deno
      ? [
        Deno.inspect(value, {
          depth: 100,
          showHidden: true,
          getters: true,
          iterableLimit: 1e6,
          strAbbreviateSize: 1e6,
        }),
      ]
      : [],
    ...Bun ? [Bun.inspect(value, { depth: 100 })] : [],
  ];
}

/** Returns the output of `console.log` and similar methods. */
function logged(value: unknown): string {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const console = new Console(stream, stream);
  console.log(value);
  console.log("%s %o %O %j", String(value), value, value, value);
  console.error(value);
  console.dir(value, { depth: null, showHidden: true });
  if (value instanceof Error) console.trace(value);
  return text;
}

test("the search finds a secret in the output of an error that leaks it", () => {
  for (
    const leak of [
      new Error(SECRET),
      new Error("No", { cause: new Error("No", { cause: { body: SECRET } }) }),
      Object.defineProperty(new Error("No"), "response", { value: { body: SECRET } }),
      Object.assign(new Error("No"), { errors: [new Error(SECRET)] }),
    ]
  ) {
    assert.ok(findSecret(shownOf(leak), []));
  }
  assert.ok(findSecret([logged(new Error(SECRET))], []));
});

for (
  const [whose, outcomes] of [
    ["a credential", credentialOutcomes],
    ["a developer's tool", toolOutcomes],
    ["a web app", webSignInOutcomes],
  ] as const
) {
  test(`console output of ${whose} contains no secret, assertion or token at any depth`, async () => {
    for await (const { name, visible, secrets } of outcomes()) {
      for (const value of visible) assert.equal(findSecret(shownOf(value), secrets), undefined, name);
    }
  });
}
