// Runs on: deno, node, bun
// A developer tool inherits the variables of the process each time it is started. The variables that may change its
// account are therefore part of the cache key.
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

/** Sets an environment variable until the test ends; `undefined` deletes it. */
function setVariable(name: string, value: string | undefined): void {
  if (!changed.has(name)) changed.set(name, process.env[name]);
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

afterEach(() => {
  for (const [name, value] of changed) setVariable(name, value);
  changed.clear();
});

/** Creates a credential without the option `env`. `started` is called at each start of the tool. */
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
      test(`${name}, set after the first token, is noticed after one second, and not before`, async () => {
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

    test("an unrelated variable does not start the tool again", async () => {
      const { clock, credential, programs } = openDesk(tool);
      for (const value of ["a", "b", undefined]) {
        for (const name of ["FOO", "MY_AZURE_CLOUD_NAME", "AZURECLOUD", "HOMEPAGE"]) setVariable(name, value);
        await credential.getToken(SCOPE);
        await clock.advance(1000);
      }
      assert.equal(programs.started.length, 1);
    });

    test("a token that the tool returned while a variable changed is returned but not cached", async () => {
      setVariable("AZURE_CLOUD_NAME", undefined);
      const { credential } = openDesk(tool, {}, (index) => {
        if (index === 0) setVariable("AZURE_CLOUD_NAME", "AzureChinaCloud");
      });
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      setVariable("AZURE_CLOUD_NAME", undefined);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    });

    test("variables of the process are ignored if the option env is set", async () => {
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

test("az: the profile is read from the folder that AZURE_CONFIG_DIR names at the time of the call", async () => {
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
  // Another user signs in, and az writes the profile in that folder.
  files["/b/azureProfile.json"] = SIGNED_IN.replace("s", "t");
  await clock.advance(1000);
  assert.equal((await credential.getToken(SCOPE)).token, "token 2");
  files["/a/azureProfile.json"] = "";
  await clock.advance(1000);
  assert.equal((await credential.getToken(SCOPE)).token, "token 2");
});
