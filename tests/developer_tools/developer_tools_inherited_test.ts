// Runs on: deno, node, bun
// A developer's tool inherits the variables of the process each time it is started: those that may change whose token it gives are part of
// what a token is remembered by.
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import process from "node:process";
import { afterEach, describe, test } from "node:test";
import { SCOPE } from "../support/service.ts";
import {
  ANSWERS,
  createPrograms,
  deskOptions,
  HOUR,
  NOW,
  SIGNED_IN,
  type ToolName,
  TOOLS,
} from "../support/developer_tools/tool.ts";

const changed = new Map<string, string | undefined>();

/** Sets a variable of the process until the test is over; `undefined` removes it. */
function setVariable(name: string, value: string | undefined): void {
  if (!changed.has(name)) changed.set(name, process.env[name]);
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

afterEach(() => {
  for (const [name, value] of changed) setVariable(name, value);
  changed.clear();
});

/** A credential without variables of its own, and what is in the home's files. */
function openDesk(tool: ToolName, files: Record<string, string> = {}, started = (_index: number) => {}) {
  const clock = createFakeClock(NOW);
  const programs = createPrograms((_, index) => {
    started(index);
    return ANSWERS[tool](NOW + HOUR, `token ${index}`);
  });
  const { env: _, ...options } = deskOptions(programs, { clock, files });
  return { clock, programs, credential: new TOOLS[tool]({ ...options, cache: new Map() }) };
}

for (const tool of ["az", "azd", "pwsh"] as const) {
  describe(tool, () => {
    for (
      const name of [
        ...["AZURE_CLOUD_NAME", "AZURE_CLIENT_SECRET", "AZURE_NEVER_HEARD_OF", "AZD_AUTH_ENDPOINT", "AZD_CONFIG_DIR"],
        ...["ARM_CLOUD_METADATA_URL", "ARM_CLIENT_ID", "HOME", "USERPROFILE", "PATH"],
      ]
    ) {
      test(`${name}, set after the first token, is noticed within a second, and not before`, async () => {
        setVariable(name, name === "PATH" ? "/usr/bin" : undefined);
        const { clock, credential, programs } = openDesk(tool);
        assert.equal((await credential.getToken(SCOPE)).token, "token 0");
        setVariable(name, "/b");
        await clock.advance(999);
        assert.equal((await credential.getToken(SCOPE)).token, "token 0");
        await clock.advance(1);
        assert.equal((await credential.getToken(SCOPE)).token, "token 1");
        setVariable(name, name === "PATH" ? "/usr/bin" : undefined);
        await clock.advance(1000);
        assert.equal((await credential.getToken(SCOPE)).token, "token 0");
        assert.equal(programs.started.length, 2);
      });
    }

    test("a variable that tools do not know is no reason to start it again", async () => {
      const { clock, credential, programs } = openDesk(tool);
      for (const value of ["a", "b", undefined]) {
        for (const name of ["FOO", "MY_AZURE_CLOUD_NAME", "AZURECLOUD", "HOMEPAGE"]) setVariable(name, value);
        await credential.getToken(SCOPE);
        await clock.advance(1000);
      }
      assert.equal(programs.started.length, 1);
    });

    test("a token that the tool gave while a variable changed is handed out, and not remembered", async () => {
      setVariable("AZURE_CLOUD_NAME", undefined);
      const { credential } = openDesk(tool, {}, (index) => {
        if (index === 0) setVariable("AZURE_CLOUD_NAME", "AzureChinaCloud");
      });
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      setVariable("AZURE_CLOUD_NAME", undefined);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    });

    test("all variables that were handed in: those of the process are none", async () => {
      const clock = createFakeClock(NOW);
      const programs = createPrograms(() => ANSWERS[tool]());
      const credential = new TOOLS[tool]({ ...deskOptions(programs, { clock }), cache: new Map() });
      for (const value of ["a", "b"]) {
        setVariable("AZURE_CLOUD_NAME", value);
        await credential.getToken(SCOPE);
        await clock.advance(1000);
      }
      assert.equal(programs.started.length, 1);
    });
  });
}

test("az: who is signed in stands in the folder that a variable names now", async () => {
  const files: Record<string, string> = {
    "/a/azureProfile.json": SIGNED_IN,
    "/b/azureProfile.json": SIGNED_IN,
  };
  setVariable("AZURE_CONFIG_DIR", "/a");
  const { clock, credential } = openDesk("az", files);
  assert.equal((await credential.getToken(SCOPE)).token, "token 0");
  setVariable("AZURE_CONFIG_DIR", "/b");
  await clock.advance(1000);
  assert.equal((await credential.getToken(SCOPE)).token, "token 1");
  // Another user signs in there.
  files["/b/azureProfile.json"] = SIGNED_IN.replace("s", "t");
  await clock.advance(1000);
  assert.equal((await credential.getToken(SCOPE)).token, "token 2");
  files["/a/azureProfile.json"] = "";
  await clock.advance(1000);
  assert.equal((await credential.getToken(SCOPE)).token, "token 2");
});
