// When a developer tool is started again, and when its cached token is used.
import { detectPlatform } from "@azweb/identity/runtime";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { breathe, failureOf, SCOPE } from "../support/service.ts";
import {
  ANSWERS,
  createDesk,
  createPrograms,
  deskOptions,
  hang,
  HOUR,
  noProgram,
  NOW,
  PROFILE,
  type ToolName,
  TOOLS,
} from "../support/developer_tools/tool.ts";

const NAMES = ["az", "azd", "pwsh"] as const;
const MINUTE = 60_000;
// On workerd, a request must not await a promise of another request.
const shares = detectPlatform() !== "workerd";

/** Creates a credential whose tool returns numbered tokens, each with a lifetime of an hour. */
function counting(tool: ToolName, options: Parameters<typeof createDesk>[2] = {}) {
  const clock = options.clock ?? createFakeClock(NOW);
  return createDesk(tool, (_, index) => ANSWERS[tool](clock.now() + HOUR, `token ${index}`), { ...options, clock });
}

for (const tool of NAMES) {
  describe(tool, () => {
    test("is started once for many calls", async () => {
      const { credential, programs, events } = counting(tool);
      const tokens = new Set<string>();
      for (let i = 0; i < 10; i++) tokens.add((await credential.getToken(SCOPE)).token);
      assert.deepEqual([...tokens], ["token 0"]);
      assert.equal(programs.started.length, 1);
      assert.deepEqual(events.map(({ event }) => event), ["token-acquired"]);
    });

    test("is started once for a thousand concurrent calls", async () => {
      const { credential, programs } = counting(tool);
      const tokens = await Promise.all(Array.from({ length: 1000 }, () => credential.getToken(SCOPE)));
      assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
      assert.equal(programs.started.length, 1);
    });

    test("is started once for concurrent calls that fail, and again for the next call", async () => {
      const { credential, programs } = createDesk(tool, () => ({ code: 1, stderr: "ERROR: No" }));
      const errors = await Promise.all(Array.from({ length: 100 }, () => failureOf(credential.getToken(SCOPE))));
      assert.equal(new Set(errors.map(({ message }) => message)).size, 1);
      assert.equal(programs.started.length, 1);
      await failureOf(credential.getToken(SCOPE));
      assert.equal(programs.started.length, 2);
    });

    test("is started again five minutes before the token expires, and not earlier", async () => {
      const { credential, programs, clock } = counting(tool);
      await credential.getToken(SCOPE);
      await clock.advance(55 * MINUTE - 1);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      await clock.advance(1);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
      assert.equal(programs.started.length, 2);
    });

    test("fails after the first token, which is used until it expires", async () => {
      const { credential, clock } = createDesk(tool, (_, index) => index ? { code: 1 } : ANSWERS[tool]());
      await credential.getToken(SCOPE);
      await clock.advance(58 * MINUTE);
      assert.equal((await credential.getToken(SCOPE)).token, `of ${tool}`);
      await clock.advance(2 * MINUTE);
      assert.equal((await failureOf(credential.getToken(SCOPE))).name, "CredentialUnavailableError");
    });

    test("is started for each scope and each tenant", async () => {
      const { credential, programs } = counting(tool);
      for (let i = 0; i < 2; i++) {
        for (const tenantId of [undefined, "a.example", "b.example"]) {
          for (const scope of [SCOPE, "https://vault.azure.net/.default"]) {
            await credential.getToken(scope, tenantId === undefined ? {} : { tenantId });
          }
        }
      }
      assert.equal(programs.started.length, 6);
    });

    test("is started for each call without a cache", async () => {
      const { credential, programs } = counting(tool, { cache: false });
      for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, `token ${i}`);
      await Promise.all([credential.getToken(SCOPE), credential.getToken(SCOPE)]);
      assert.equal(programs.started.length, 5);
    });

    test("is started once for all credentials with equal options", async () => {
      const programs = createPrograms(() => ANSWERS[tool]());
      const options = deskOptions(programs);
      for (let i = 0; i < 3; i++) await new TOOLS[tool]({ ...options }).getToken(SCOPE);
      assert.equal(programs.started.length, 1);
    });

    test("is started for each PATH, home directory or machine", async () => {
      const programs = createPrograms((_, index) => ANSWERS[tool](NOW + HOUR, `token ${index}`));
      const options = deskOptions(programs);
      const env = { PATH: "/usr/bin", HOME: "/home/jo" };
      const others = [
        { ...options, env },
        { ...options, env: { ...env, PATH: "/other" } },
        { ...options, env: { ...env, HOME: "/home/ann" } },
        { ...options, env, runtime: { ...options.runtime } },
        { ...options, env, cache: new Map() },
      ];
      const tokens = new Set<string>();
      for (const other of others) tokens.add((await new TOOLS[tool](other).getToken(SCOPE)).token);
      assert.equal(tokens.size, others.length);
    });
  });
}

test("az is started for each configuration folder and each subscription", async () => {
  const programs = createPrograms(() => ANSWERS.az());
  const options = deskOptions(programs);
  const env = { PATH: "/usr/bin", HOME: "/home/jo" };
  for (const folder of ["/a", "/b", "/a"]) {
    await new TOOLS.az({ ...options, env: { ...env, AZURE_CONFIG_DIR: folder } }).getToken(SCOPE);
  }
  assert.equal(programs.started.length, 2);
  for (const subscription of ["a", "b", "a"]) await new TOOLS.az({ ...options, subscription }).getToken(SCOPE);
  assert.equal(programs.started.length, 4);
});

test("azd is started for each configuration folder", async () => {
  const programs = createPrograms(() => ANSWERS.azd());
  const options = deskOptions(programs);
  const env = { PATH: "/usr/bin", HOME: "/home/jo" };
  for (const AZD_CONFIG_DIR of ["/a", "/b", "/a"]) {
    await new TOOLS.azd({ ...options, env: { ...env, AZD_CONFIG_DIR } }).getToken(SCOPE);
  }
  assert.equal(programs.started.length, 2);
});

describe("the account that is signed in to az", () => {
  const jo = '{"subscriptions":[{"user":{"name":"jo"}}]}';
  const ann = jo.replace("jo", "ann");

  for (
    const [where, path, options] of [
      ["in the home directory", PROFILE, {}],
      ["in AZURE_CONFIG_DIR", "/config/azureProfile.json", {
        env: { PATH: "/usr/bin", HOME: "/home/jo", AZURE_CONFIG_DIR: "/config" },
      }],
      ["in the home directory on Windows", "C:\\Users\\jo/.azure/azureProfile.json", {
        platform: "win32",
        env: { PATH: "C:\\bin", USERPROFILE: "C:\\Users\\jo", HOME: "/home/jo" },
      }],
    ] as const
  ) {
    test(`another account is noticed after one second, and not before: ${where}`, async () => {
      const files: Record<string, string> = { [path]: jo };
      const { credential, programs, clock } = counting("az", { files, ...options });
      await credential.getToken(SCOPE);
      files[path] = ann;
      await clock.advance(999);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      await clock.advance(1);
      assert.equal((await credential.getToken(SCOPE)).token, "token 1");
      assert.equal(programs.started.length, 2);
      // Back to the first account: its cached token is still fresh.
      files[path] = jo;
      await clock.advance(1000);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      assert.equal(programs.started.length, 2);
    });
  }

  test("the same account does not start az again", async () => {
    const { credential, programs, clock } = counting("az", { files: { [PROFILE]: jo } });
    for (let i = 0; i < 100; i++) {
      await credential.getToken(SCOPE);
      await clock.advance(1000);
    }
    assert.equal(programs.started.length, 1);
  });

  test("a token that az returned while another account signed in is returned but not cached", async () => {
    const files: Record<string, string> = { [PROFILE]: jo };
    const clock = createFakeClock(NOW);
    const { credential, programs } = createDesk("az", (_, index) => {
      // Ann signs in while az runs for the second time, for another scope.
      if (index === 1) files[PROFILE] = ann;
      return ANSWERS.az(clock.now() + HOUR, `token ${index} of ${files[PROFILE] === ann ? "ann" : "jo"}`);
    }, { files, clock });
    const other = "https://vault.azure.net/.default";
    assert.equal((await credential.getToken(SCOPE)).token, "token 0 of jo");
    assert.equal((await credential.getToken(other)).token, "token 1 of ann");
    files[PROFILE] = jo;
    await clock.advance(1000);
    // Jo is signed in again, and only the token of the first scope is cached for that account.
    assert.equal((await credential.getToken(SCOPE)).token, "token 0 of jo");
    assert.equal((await credential.getToken(other)).token, "token 2 of jo");
    assert.equal(programs.started.length, 3);
  });

  test("a sign-out is noticed", async () => {
    const files: Record<string, string> = { [PROFILE]: jo };
    const { credential, clock } = createDesk(
      "az",
      () => PROFILE in files ? ANSWERS.az() : { code: 1, stderr: "ERROR: Please run 'az login'" },
      { files },
    );
    await credential.getToken(SCOPE);
    delete files[PROFILE];
    await clock.advance(1000);
    assert.match((await failureOf(credential.getToken(SCOPE))).message, /No account is signed in/);
  });

  for (
    const profile of [
      '{"subscriptions":[]}',
      '{"subscriptions":null}',
      "{}",
      '{"installationId":"i"}',
      '\uFEFF{\r\n  "installationId": "i",\r\n  "subscriptions": []\r\n}\r\n',
    ]
  ) {
    test(`a profile without an account is read, and az is not started: ${JSON.stringify(profile)}`, async () => {
      for (
        const [path, env] of [
          [PROFILE, { PATH: "/usr/bin", HOME: "/home/jo" }],
          ["/cfg/azureProfile.json", { PATH: "/usr/bin", HOME: "/home/jo", AZURE_CONFIG_DIR: "/cfg" }],
        ] as const
      ) {
        const files: Record<string, string> = { [path]: profile, "/usr/bin/az": "" };
        const { credential, programs, clock } = counting("az", { files, env });
        const error = await failureOf(credential.getToken(SCOPE, { tenantId: "a.example" }));
        assert.equal(error.name, "CredentialUnavailableError");
        assert.equal(error.outcome, "absent");
        assert.equal(
          error.message,
          `AzureCliCredential: Cannot get a token from Azure CLI: No account is signed in ("${path}"): ` +
            `Run "az login --tenant a.example --scope ${SCOPE}"`,
        );
        assert.equal(programs.started.length, 0);
        files[path] = jo;
        await clock.advance(1000);
        assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      }
    });
  }

  test("if there is neither an account nor az, the error contains both reasons", async () => {
    const { credential, programs } = counting("az", { files: { [PROFILE]: '{"subscriptions":[]}' } });
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(
      error.message,
      `AzureCliCredential: Cannot get a token from Azure CLI: No account is signed in ("${PROFILE}"): ` +
        'No folder of PATH has the program "az": Install it, see https://learn.microsoft.com/cli/azure/install-azure-cli',
    );
    assert.equal(error.outcome, "absent");
    assert.equal(programs.started.length, 0);
  });

  for (
    const [profile, options] of [
      ["an empty file", { files: { [PROFILE]: "" } }],
      ["a truncated file", { files: { [PROFILE]: '{"subscriptions":[' } }],
      ["a file that is not an object", { files: { [PROFILE]: "[]" } }],
      ["a file of another format", { files: { [PROFILE]: '{"accounts":[{"id":"s"}]}' } }],
      ["subscriptions that are not an array", { files: { [PROFILE]: '{"subscriptions":{}}' } }],
      ["no file", { files: {} }],
      ["a service principal", {
        files: { [PROFILE]: '{"subscriptions":[{"user":{"name":"an-app","type":"servicePrincipal"}}]}' },
      }],
      ["a managed identity", {
        files: {
          [PROFILE]: '\uFEFF{"subscriptions":[{"user":{"name":"systemAssignedIdentity","type":"servicePrincipal"}}]}',
        },
      }],
      ["an account without a subscription", {
        files: { [PROFILE]: '{"subscriptions":[{"name":"N/A(tenant level account)"}]}' },
      }],
      ["no account in the home folder, with AZURE_CONFIG_DIR", {
        files: { [PROFILE]: '{"subscriptions":[]}' },
        env: { PATH: "/usr/bin", HOME: "/home/jo", AZURE_CONFIG_DIR: "/cfg" },
      }],
      // az has another working directory, in which a relative path means another folder.
      ["no account in a relative AZURE_CONFIG_DIR", {
        files: { "cfg/azureProfile.json": '{"subscriptions":[]}' },
        env: { PATH: "/usr/bin", HOME: "/home/jo", AZURE_CONFIG_DIR: "cfg" },
      }],
      ["no account in a relative home folder", {
        files: { "jo/.azure/azureProfile.json": '{"subscriptions":[]}' },
        env: { PATH: "/usr/bin", HOME: "jo" },
      }],
      ["no account in a folder of the current drive", {
        files: { "\\cfg/azureProfile.json": '{"subscriptions":[]}' },
        platform: "win32",
        env: { PATH: "C:\\bin", USERPROFILE: "C:\\Users\\jo", AZURE_CONFIG_DIR: "\\cfg" },
      }],
    ] as const
  ) {
    test(`${profile} does not prove that no account is signed in, so az is started`, async () => {
      const { credential, programs } = counting("az", options as Parameters<typeof createDesk>[2]);
      assert.equal((await credential.getToken(SCOPE)).token, "token 0");
      assert.equal(programs.started.length, 1);
    });
  }

  test("azd and PowerShell do not use the profile of az", async () => {
    for (const tool of ["azd", "pwsh"] as const) {
      const { credential } = createDesk(tool, undefined, { files: { [PROFILE]: '{"subscriptions":[]}' } });
      assert.equal((await credential.getToken(SCOPE)).token, `of ${tool}`);
    }
  });

  test("the profile is read again after the clock is set back", async () => {
    const files: Record<string, string> = { [PROFILE]: jo };
    const { credential, clock } = counting("az", { files });
    await credential.getToken(SCOPE);
    files[PROFILE] = ann;
    clock.set(NOW - 100);
    assert.equal((await credential.getToken(SCOPE)).token, "token 1");
  });

  test(`the profile is read ${shares ? "once for concurrent calls, " : ""}once a second, and after az has run`, async () => {
    let reads = 0;
    const { run } = createPrograms(() => ANSWERS.az());
    const clock = createFakeClock(NOW);
    const { runtime, ...options } = deskOptions({ run }, { clock });
    const readTextFile = () => {
      reads++;
      return Promise.resolve(jo);
    };
    const credential = new TOOLS.az({
      ...options,
      runtime: { ...runtime, fileExists: () => Promise.resolve(true), readTextFile },
    });
    await Promise.all(Array.from({ length: shares ? 100 : 1 }, () => credential.getToken(SCOPE)));
    await credential.getToken(SCOPE);
    assert.equal(reads, 2);
    await clock.advance(1000);
    await credential.getToken(SCOPE);
    assert.equal(reads, 3);
  });

  for (
    const [obstacle, runtime] of [
      ["cannot be read", {
        fileExists: () => Promise.resolve(true),
        readTextFile: () => Promise.reject(new Error("Permission denied")),
      }],
      ["cannot be checked for existence", { fileExists: () => Promise.reject(new Error("Permission denied")) }],
      ["does not exist", { fileExists: () => Promise.resolve(false) }],
    ] as const
  ) {
    test(`if the profile ${obstacle}, az is started without an error`, async () => {
      const { run, started } = createPrograms(() => ANSWERS.az());
      const { runtime: machine, ...options } = deskOptions({ run });
      const credential = new TOOLS.az({ ...options, runtime: { ...machine, ...runtime } });
      for (let i = 0; i < 2; i++) await credential.getToken(SCOPE);
      assert.equal(started.length, 1);
    });
  }

  test("a slow read delays a call by at most one second, and an aborted call not at all", async () => {
    const clock = createFakeClock(NOW);
    const { run, started } = createPrograms(() => ANSWERS.az());
    const { runtime, ...options } = deskOptions({ run }, { clock });
    const credential = new TOOLS.az({ ...options, runtime: { ...runtime, fileExists: () => new Promise(() => {}) } });
    const controller = new AbortController();
    const aborted = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
    const getting = credential.getToken(SCOPE);
    assert.equal(await clock.untilSleeping(1000), 1000);
    controller.abort();
    assert.equal((await aborted).name, "AbortError");
    assert.equal(started.length, 0);
    await clock.advance(1000);
    assert.equal((await getting).token, "of az");
  });
});

describe("aborted calls:", () => {
  for (const tool of NAMES) {
    test(`${tool} keeps running for the other callers, and is stopped when the last one aborts`, async () => {
      const { credential, programs, events } = createDesk(tool, (started) => hang(started));
      const controllers = Array.from({ length: 3 }, () => new AbortController());
      const failing = controllers.map(({ signal }) => failureOf(credential.getToken(SCOPE, { abortSignal: signal })));
      await programs.untilStarted(1);
      const { signal } = programs.started[0]!.options;
      for (const [index, controller] of controllers.entries()) {
        assert.equal(signal!.aborted, false);
        controller.abort();
        assert.equal((await failing[index]!).name, "AbortError");
      }
      assert.equal(signal!.aborted, true);
      assert.equal(programs.started.length, 1);
      await breathe();
      // The abort by the last caller is not logged as a failure.
      assert.deepEqual(events, []);
    });

    test(`${tool} is not started for a signal that is already aborted`, async () => {
      const { credential, programs } = createDesk(tool);
      const error = await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort() }));
      assert.equal(error.name, "AbortError");
      assert.equal(programs.started.length, 0);
    });

    test(`${tool} is started again after the last caller has aborted`, async () => {
      const { credential, programs } = createDesk(tool, (started, index) => index ? ANSWERS[tool]() : hang(started));
      const controller = new AbortController();
      const aborted = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
      await programs.untilStarted(1);
      controller.abort(new Error("Enough"));
      assert.equal((await aborted).message, "Enough");
      assert.equal((await credential.getToken(SCOPE)).token, `of ${tool}`);
    });

    test(`${tool} is not searched for in further folders after an abort, even if its reason is a "file not found" error`, async () => {
      const { credential, programs } = createDesk(tool, hang, { env: { PATH: "/a:/b" } });
      const controller = new AbortController();
      const aborted = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
      await programs.untilStarted(1);
      controller.abort(noProgram());
      assert.equal((await aborted).code, "ENOENT");
      await breathe();
      assert.equal(programs.started.length, 1);
    });

    test(`${tool} is stopped by the time limit of a call`, async () => {
      const { credential, programs, clock } = createDesk(tool, (started) => hang(started));
      const failing = failureOf(credential.getToken(SCOPE, { requestOptions: { timeout: 500 } }));
      await programs.untilStarted(1);
      await clock.advance(500);
      assert.equal((await failing).name, "TimeoutError");
      assert.equal(programs.started[0]!.options.signal!.aborted, true);
    });
  }
});

if (["workerd", "web"].includes(detectPlatform())) {
  test("the error says that this runtime cannot start programs", async () => {
    for (const tool of NAMES) {
      const error = await failureOf(new TOOLS[tool]({ env: {} }).getToken(SCOPE));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(error.message, /: This runtime cannot start programs: Pass the option "runtime\.run"$/);
    }
  });
}

test("a call with an aborted signal reads no variable", async () => {
  let reads = 0;
  const env = () => {
    reads++;
    throw new Error("Not now");
  };
  const credential = new TOOLS.az({ runtime: { env } });
  const before = reads;
  const error = await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort(new Error("Left")) }));
  await breathe();
  assert.deepEqual([error.message, reads - before], ["Left", 0]);
});
