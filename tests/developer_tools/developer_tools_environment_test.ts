// The account of a developer tool depends on its variables: credentials with different variables share no token.
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SCOPE } from "../support/service.ts";
import {
  ANSWERS,
  createPrograms,
  deskOptions,
  HOUR,
  NOW,
  PROFILE,
  SIGNED_IN,
  TOOLS,
} from "../support/developer_tools/tool.ts";

const NAMES = ["az", "azd", "pwsh"] as const;
const ENV = { PATH: "/usr/bin", HOME: "/home/jo" };

/** The variables of two credentials in addition to `ENV`, by the difference between them. */
const DIFFERENCES: Readonly<Record<string, readonly [Record<string, unknown>, Record<string, unknown>]>> = {
  "the cloud": [{ AZURE_CLOUD_NAME: "AzureCloud" }, { AZURE_CLOUD_NAME: "AzureChinaCloud" }],
  "the cloud, set or not": [{}, { AZURE_CLOUD_NAME: "AzureChinaCloud" }],
  "the cloud, empty or not set": [{}, { AZURE_CLOUD_NAME: "" }],
  "the endpoint of azd": [{ AZD_AUTH_ENDPOINT: "http://127.0.0.1:1" }, { AZD_AUTH_ENDPOINT: "http://127.0.0.1:2" }],
  "the key of the endpoint of azd": [{ AZD_AUTH_KEY: "a" }, { AZD_AUTH_KEY: "b" }],
  "the URL of the metadata of clouds": [{ ARM_CLOUD_METADATA_URL: "https://a" }, {
    ARM_CLOUD_METADATA_URL: "https://b",
  }],
  "the configuration folder": [{ AZURE_CONFIG_DIR: "/a" }, { AZURE_CONFIG_DIR: "/b" }],
  "the app of a service principal": [{ AZURE_CLIENT_ID: "a" }, { AZURE_CLIENT_ID: "b" }],
  "the secret of a service principal": [{ AZURE_CLIENT_SECRET: "a" }, { AZURE_CLIENT_SECRET: "b" }],
  "the home directory": [{ HOME: "/home/ann" }, { HOME: "/home/bob" }],
  "the home directory on Windows": [{ USERPROFILE: "C:\\Users\\ann" }, { USERPROFILE: "C:\\Users\\bob" }],
  "an unknown variable": [{ FOO: "a" }, { FOO: "b" }],
  "the values of two variables, exchanged": [{ FOO: "a", BAR: "b" }, { FOO: "b", BAR: "a" }],
  "the boundary between a name and its value": [{ FOO: "a,b" }, { "FOO,a": "b" }],
  "the letter case of a name": [{ Foo: "a" }, { FOO: "a" }],
};

/** Returns a function that creates credentials. They share a machine, a clock and a cache; their tokens are numbered. */
function openDesk(tool: typeof NAMES[number]) {
  const clock = createFakeClock(NOW);
  const programs = createPrograms((_, index) => ANSWERS[tool](NOW + HOUR, `token ${index}`));
  const options = deskOptions(programs, { clock, files: { [PROFILE]: SIGNED_IN } });
  const cache = new Map();
  const create = (env: Record<string, unknown>) => new TOOLS[tool]({ ...options, cache, env });
  return { programs, clock, options, create };
}

for (const tool of NAMES) {
  describe(tool, () => {
    for (const [difference, both] of Object.entries(DIFFERENCES)) {
      test(`two credentials that differ in ${difference} share no token`, async () => {
        const { create, programs } = openDesk(tool);
        for (let round = 0; round < 2; round++) {
          for (const [index, variables] of both.entries()) {
            assert.equal((await create({ ...ENV, ...variables }).getToken(SCOPE)).token, `token ${index}`);
          }
        }
        assert.equal(programs.started.length, 2);
        for (const [index, variables] of both.entries()) {
          const { env } = programs.started[index]!.options;
          for (const [name, value] of Object.entries(variables)) assert.equal(env![name], value);
        }
      });
    }

    test("two credentials with equal variables, in any order, share a token", async () => {
      const { create, programs } = openDesk(tool);
      const variables = { ...ENV, AZURE_CLOUD_NAME: "AzureCloud", FOO: "a" };
      const reversed = Object.fromEntries(Object.entries(variables).reverse());
      // A binding of a Worker is a variable only if it is a string.
      for (const env of [variables, reversed, { ...variables, BINDING: {} }]) {
        assert.equal((await create(env).getToken(SCOPE)).token, "token 0");
      }
      assert.equal(programs.started.length, 1);
    });

    test("a changed variable is noticed after one second, and not before", async () => {
      const env: Record<string, string> = { ...ENV, AZURE_CLOUD_NAME: "AzureCloud" };
      const { create, programs, clock } = openDesk(tool);
      const credential = create(env);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      env.AZURE_CLOUD_NAME = "AzureChinaCloud";
      await clock.advance(999);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      await clock.advance(1);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
      assert.equal(programs.started[1]!.options.env!.AZURE_CLOUD_NAME, "AzureChinaCloud");
      // Back to the first value: its cached token is still fresh.
      env.AZURE_CLOUD_NAME = "AzureCloud";
      await clock.advance(1000);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      assert.equal(programs.started.length, 2);
    });

    test("a token that the tool returned while a variable changed is returned but not cached", async () => {
      const env: Record<string, string> = { ...ENV };
      const programs = createPrograms((_, index) => {
        if (index === 0) env.AZURE_CLOUD_NAME = "AzureChinaCloud";
        return ANSWERS[tool](NOW + HOUR, `token ${index}`);
      });
      const options = deskOptions(programs);
      const credential = new TOOLS[tool]({ ...options, env });
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      delete env.AZURE_CLOUD_NAME;
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    });

    test("a changed variable of options.runtime.env is noticed after one second", async () => {
      const { clock, options: { env: _, runtime, ...options } } = openDesk(tool);
      const variables: Record<string, string> = { ...ENV };
      const credential = new TOOLS[tool]({ ...options, runtime: { ...runtime, env: (name) => variables[name] } });
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      variables.PATH = "/other";
      await clock.advance(1000);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    });

    test("the variables are read at most once a second", async () => {
      let reads = 0;
      const env = new Proxy<Record<string, string>>(ENV, {
        ownKeys(target) {
          reads++;
          return Reflect.ownKeys(target);
        },
      });
      const { create, clock } = openDesk(tool);
      const credential = create(env);
      await credential.getToken(SCOPE);
      const first = reads;
      for (let call = 0; call < 100; call++) await credential.getToken(SCOPE);
      assert.equal(reads, first);
      await clock.advance(1000);
      await credential.getToken(SCOPE);
      const second = reads;
      assert.ok(second > first && second < 2 * first + 10, `${first}, ${second}`);
      for (let call = 0; call < 100; call++) await credential.getToken(SCOPE);
      assert.equal(reads, second);
    });
  });
}
