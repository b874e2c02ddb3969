// Whose token a developer's tool gives depends on the variables that it is started with: credentials that differ in one share no token.
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

/** What two credentials differ in, besides `ENV`: the variables of both. */
const DIFFERENCES: Readonly<Record<string, readonly [Record<string, unknown>, Record<string, unknown>]>> = {
  "the cloud": [{ AZURE_CLOUD_NAME: "AzureCloud" }, { AZURE_CLOUD_NAME: "AzureChinaCloud" }],
  "the cloud, set or not": [{}, { AZURE_CLOUD_NAME: "AzureChinaCloud" }],
  "the cloud, empty or not set": [{}, { AZURE_CLOUD_NAME: "" }],
  "the endpoint of azd": [{ AZD_AUTH_ENDPOINT: "http://127.0.0.1:1" }, { AZD_AUTH_ENDPOINT: "http://127.0.0.1:2" }],
  "the key of that endpoint": [{ AZD_AUTH_KEY: "a" }, { AZD_AUTH_KEY: "b" }],
  "the clouds that there are": [{ ARM_CLOUD_METADATA_URL: "https://a" }, { ARM_CLOUD_METADATA_URL: "https://b" }],
  "the folder of a configuration": [{ AZURE_CONFIG_DIR: "/a" }, { AZURE_CONFIG_DIR: "/b" }],
  "the app of another sign-in": [{ AZURE_CLIENT_ID: "a" }, { AZURE_CLIENT_ID: "b" }],
  "its secret": [{ AZURE_CLIENT_SECRET: "a" }, { AZURE_CLIENT_SECRET: "b" }],
  "the home": [{ HOME: "/home/ann" }, { HOME: "/home/bob" }],
  "the home on Windows": [{ USERPROFILE: "C:\\Users\\ann" }, { USERPROFILE: "C:\\Users\\bob" }],
  "a variable that nothing is known of": [{ FOO: "a" }, { FOO: "b" }],
  "which of two variables has a value": [{ FOO: "a", BAR: "b" }, { FOO: "b", BAR: "a" }],
  "where a name ends and its value begins": [{ FOO: "a,b" }, { "FOO,a": "b" }],
  "the case of a name": [{ Foo: "a" }, { FOO: "a" }],
};

/** Credentials of a tool on one desk, with one clock and one cache, whose tokens have numbers. */
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
    for (const [what, both] of Object.entries(DIFFERENCES)) {
      test(`two credentials that differ in ${what} share no token`, async () => {
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

    test("two credentials whose variables are equal, in any order, share it", async () => {
      const { create, programs } = openDesk(tool);
      const variables = { ...ENV, AZURE_CLOUD_NAME: "AzureCloud", FOO: "a" };
      const turned = Object.fromEntries(Object.entries(variables).reverse());
      // A binding of a Worker is no variable.
      for (const env of [variables, turned, { ...variables, BINDING: {} }]) {
        assert.equal((await create(env).getToken(SCOPE)).token, "token 0");
      }
      assert.equal(programs.started.length, 1);
    });

    test("a variable that changes after the first token is noticed within a second, and not before", async () => {
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
      // And back: the first token is still good.
      env.AZURE_CLOUD_NAME = "AzureCloud";
      await clock.advance(1000);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      assert.equal(programs.started.length, 2);
    });

    test("a token that the tool gave while a variable changed is handed out, and not remembered", async () => {
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

    test("a runtime's variable that is handed on and changes is noticed within a second", async () => {
      const { clock, options: { env: _, runtime, ...options } } = openDesk(tool);
      const variables: Record<string, string> = { ...ENV };
      const credential = new TOOLS[tool]({ ...options, runtime: { ...runtime, env: (name) => variables[name] } });
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      variables.PATH = "/other";
      await clock.advance(1000);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    });

    test("the variables are read once a second, however many calls there are", async () => {
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
