// Runs on: deno, node, bun
//
// PowerShell is not on the machines of the tests. The script that the library passes to it, and its outputs, are files
// with which a person can try it: see programs/azure_powershell.md.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { createDesk } from "../support/developer_tools/tool.ts";
import { SCOPE } from "../support/service.ts";

const SCRIPT = new URL("../programs/azure_powershell.ps1", import.meta.url);
const OUTPUTS = new URL("../programs/azure_powershell.md", import.meta.url);

test("the file has the script that the library passes to PowerShell", async () => {
  const { credential, programs } = createDesk("pwsh");
  await credential.getToken(SCOPE);
  const script = atob(programs.started[0]!.args.at(-1)!).replaceAll("\0", "");
  assert.equal(await readFile(SCRIPT, "utf8"), script);
});

const page = await readFile(OUTPUTS, "utf8");

describe("the outcome of the expected output is the stated one:", () => {
  const situations = [...page.matchAll(/^### (.+): ([\w-]+)\n[^#]*?```json\n(.+)\n```/gm)];
  test("there are outputs", () => assert.equal(situations.length, 5));
  for (const [, situation, outcome, stdout] of situations) {
    test(situation!, async () => {
      const { credential } = createDesk("pwsh", () => ({ stdout: `${stdout}\n`, code: outcome === "token" ? 0 : 1 }));
      const result = await credential.getToken(SCOPE).then(() => "token", (error) => error.outcome);
      assert.equal(result, outcome);
    });
  }
});
