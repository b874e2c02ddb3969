// Runs on: deno, node, bun
//
// The machines that run the tests lack PowerShell. `tests/programs/` therefore has the script that the library passes
// to PowerShell, and its expected outputs: azure_powershell.md describes how a person compares them with actual ones.
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

describe("the library reads each expected output as the file states:", () => {
  const situations = [...page.matchAll(/^### (.+): ([\w-]+)\n[^#]*?```json\n(.+)\n```/gm)];
  test("the file has five outputs", () => assert.equal(situations.length, 5));
  for (const [, situation, outcome, stdout] of situations) {
    test(situation!, async () => {
      const { credential } = createDesk("pwsh", () => ({ stdout: `${stdout}\n`, code: outcome === "token" ? 0 : 1 }));
      const result = await credential.getToken(SCOPE).then(() => "token", (error) => error.outcome);
      assert.equal(result, outcome);
    });
  }
});
