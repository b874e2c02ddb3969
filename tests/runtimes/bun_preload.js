// To be loaded by Bun before the tests: writes the name of each test that begins as a line of the standard error. Bun itself names
// tests only when they have ended.
import { mock } from "bun:test";
import { writeSync } from "node:fs";
import * as original from "node:test";

/** The names of the groups whose function runs. */
const groups = [];

/** Returns a function of the module that hands on to `wrap` the path of the test or group and its function. */
function wrapping(register, wrap) {
  return Object.assign((name, ...rest) => {
    const body = rest.at(-1);
    if (typeof body === "function") rest[rest.length - 1] = wrap([...groups, name], body);
    return register(name, ...rest);
  }, register);
}

const test = wrapping(original.test, (path, body) => (context) => {
  writeSync(2, `(begin) ${path.join(" > ")}\n`);
  return body(context);
});
const describe = wrapping(original.describe, (path, body) => (context) => {
  groups.push(path.at(-1));
  try {
    return body(context);
  } finally {
    groups.pop();
  }
});

mock.module("node:test", () => ({ ...original, default: test, describe, it: test, suite: describe, test }));
