// Runs on: deno
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { scopeFor } from "@azweb/identity/fetch";

test("the scopes in docs/fetch.md are those of scopeFor", async () => {
  const page = await readFile(new URL("../../docs/fetch.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| (.+) \| (`.+`) \| `(https:[^`]+)` \|$/gm)];
  assert.ok(rows.length >= 30, `${rows.length} rows`);
  for (const [, service, hosts, scope] of rows) {
    for (const host of hosts!.split(", ").map((each) => each.replaceAll("`", ""))) {
      assert.equal(scopeFor(`https://${host}${host.includes("/") ? "" : "/a/path"}`), scope, String(service));
    }
  }
});

test("the Worker in docs/fetch.md is the one that the tests run", async () => {
  const page = await readFile(new URL("../../docs/fetch.md", import.meta.url), "utf8");
  const worker = await readFile(new URL("../support/http/blob_worker.ts", import.meta.url), "utf8");
  assert.ok(page.includes(worker.replace(/^\/\/.*\n/, "")));
});
