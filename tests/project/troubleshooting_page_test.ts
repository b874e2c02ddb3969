// Runs on: deno
// docs/troubleshooting.md has each error that users meet, by its text, and each code with advice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../../scripts/run.ts";
import { listMessages } from "../support/project/messages.ts";

const page = await Deno.readTextFile(`${ROOT}docs/troubleshooting.md`);

test("each error of the library is found by its text", async () => {
  const messages = await listMessages();
  assert.ok(messages.length > 100, String(messages.length));
  const missing = messages.filter(({ text }) => !page.includes(text));
  assert.deepEqual(missing.map(({ where, text }) => `${where}: ${text}`), []);
});

test("each code with advice has a row", async () => {
  const source = await Deno.readTextFile(`${ROOT}src/entra/advice.ts`);
  const advice = source.split("const ADVICE")[1]!.split("\n};")[0]!;
  const codes = [...advice.matchAll(/^ {2}(\w+):(?= )/gm)].map(([, code]) => code!);
  assert.ok(codes.includes("7000215") && codes.includes("access_denied"));
  const assertions = await Deno.readTextFile(`${ROOT}src/entra/assertion_advice.ts`);
  codes.push(...[...assertions.matchAll(/^ {2}(?: {2}case )?(\d+):/gm)].map(([, code]) => code!));
  assert.ok(codes.includes("700213") && codes.includes("700229"));
  const missing = codes.filter((code) => !page.includes(/^\d/.test(code) ? `| AADSTS${code} |` : `\`${code}\``));
  assert.deepEqual(missing, []);
});
