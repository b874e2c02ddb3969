// Bun loads this module before the tests: it writes the name of each test that starts as a line to the standard error.
// Bun itself names tests only when they have ended.
import { mock } from "bun:test";
import { writeSync } from "node:fs";
import * as original from "node:test";

/** The names of the enclosing groups. */
const groups = [];

/** Returns a function of the module that passes the path and the function of the test or group to `wrap`. */
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
