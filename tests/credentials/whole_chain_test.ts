// DefaultAzureCredential with all of its credentials: which one is used, and the error if none is available.
import {
  ChainedTokenCredential,
  type CredentialOptions,
  DefaultAzureCredential,
  type DefaultAzureCredentialName,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  createLaptop,
  type Laptop,
  type LaptopOptions,
  type Name,
  NAMES,
  signedOut,
  TOOL_OF,
} from "../support/developer_tools/laptop.ts";
import { failureOf, jsonAnswer, SCOPE } from "../support/service.ts";
import { ANSWERS, createDesk, hang, HOUR, noProgram } from "../support/developer_tools/tool.ts";

const TOOL_NAMES = Object.keys(TOOL_OF) as Name[];
const PROD = NAMES.filter((name) => !TOOL_OF[name]);

/** The token of each credential. */
const TOKENS: Readonly<Record<Name, string>> = {
  EnvironmentCredential: "of Entra",
  WorkloadIdentityCredential: "of Entra",
  ManagedIdentityCredential: "a-token",
  AzureCliCredential: "of az",
  AzurePowerShellCredential: "of pwsh",
  AzureDeveloperCliCredential: "of azd",
};

/**
 * Returns all credentials that may be available while this one is tested: not WorkloadIdentityCredential in a test of
 * ManagedIdentityCredential, which would exchange its federated token.
 */
function allFor(name: Name): Name[] {
  return NAMES.filter((other) => other !== "WorkloadIdentityCredential" || name !== "ManagedIdentityCredential");
}

/** Gets a token, and asserts that this credential was selected and that no later one was tried. */
async function assertUses(laptop: Laptop, name: Name): Promise<void> {
  const { credential, selected, entra, localService, ran } = laptop;
  assert.equal((await credential.getToken(SCOPE)).token, TOKENS[name]);
  assert.deepEqual(selected(), [name]);
  const index = NAMES.indexOf(name);
  if (index > 1) assert.equal(entra.requests.length, 0);
  if (index < 2) assert.equal(localService.requests.length, 0);
  assert.deepEqual(ran().at(-1), TOOL_OF[name]);
}

describe("a credential is used if no other one is available:", () => {
  for (const name of NAMES) {
    test(name, () => assertUses(createLaptop({ has: [name] }), name));
  }
});

describe("of each pair of available credentials, the first one is used", () => {
  for (const [index, first] of NAMES.entries()) {
    for (const second of NAMES.slice(index + 1)) {
      test(`${first} before ${second}`, async () => {
        const laptop = createLaptop({ has: [second, first] });
        await assertUses(laptop, first);
        assert.deepEqual(laptop.ran(), TOOL_OF[first] ? [TOOL_OF[first]] : []);
      });
    }
  }

  test("all credentials", () => assertUses(createLaptop({ has: NAMES }), "EnvironmentCredential"));
});

describe("AZURE_TOKEN_CREDENTIALS", () => {
  const values: [string, Name][] = [
    ["prod", "EnvironmentCredential"],
    ["dev", "AzureCliCredential"],
    ["DEV", "AzureCliCredential"],
    ...NAMES.map((name): [string, Name] => [name, name]),
    ...NAMES.map((name): [string, Name] => [` ${name.toLowerCase()} `, name]),
  ];
  for (const [value, name] of values) {
    test(`"${value}": ${name} is used, although all credentials are available`, async () => {
      await assertUses(createLaptop({ has: allFor(name), variables: { AZURE_TOKEN_CREDENTIALS: value } }), name);
    });
  }

  for (
    const [value, has, names] of [
      ["prod", TOOL_NAMES, PROD],
      ["dev", PROD, TOOL_NAMES],
      ...NAMES.map((name): [string, Name[], Name[]] => [name, allFor(name).filter((other) => other !== name), [name]]),
    ] as [string, Name[], Name[]][]
  ) {
    test(`"${value}": the other credentials are not tried if the selected ones are unavailable`, async () => {
      const localAnswer = () => Promise.reject(new TypeError("connect ECONNREFUSED"));
      const variables = { AZURE_TOKEN_CREDENTIALS: value };
      const laptop = createLaptop({ has, variables, localAnswer, retryOptions: { maxRetries: 0 } });
      // The metadata service refuses the connection, so that no managed identity is available.
      const error = await failureOf(laptop.credential.getToken(SCOPE));
      assert.deepEqual(laptop.ran(), []);
      assert.equal(laptop.entra.requests.length, 0);
      const skipped = laptop.events.filter(({ event }) => event.startsWith("credential-")).map(({ credential }) =>
        credential
      );
      assert.deepEqual(skipped, names);
      assert.equal(error.name, "AggregateAuthenticationError");
    });
  }
});

describe("exclude", () => {
  for (const [index, name] of NAMES.entries()) {
    const next = NAMES[index + 1];
    if (!next) continue;
    test(`${NAMES.slice(0, index + 1).join(", ")}: ${next} is used`, async () => {
      const laptop = createLaptop({ has: allFor(next), exclude: NAMES.slice(0, index + 1) });
      await assertUses(laptop, next);
    });
    if (name === "WorkloadIdentityCredential") continue;
    test(`${name}: getToken rejects if no other credential is available`, async () => {
      const { credential, ran } = createLaptop({ has: [name], exclude: [name] });
      const error = await failureOf(credential.getToken(SCOPE));
      assert.equal(error.name, "AggregateAuthenticationError");
      assert.doesNotMatch(error.message, new RegExp(name));
      assert.deepEqual(ran(), []);
    });
  }

  test("applies in addition to AZURE_TOKEN_CREDENTIALS", () =>
    assertUses(
      createLaptop({ has: NAMES, exclude: ["AzureCliCredential"], variables: { AZURE_TOKEN_CREDENTIALS: "dev" } }),
      "AzurePowerShellCredential",
    ));

  for (const name of ["azureclicredential", "AzureCli", "InteractiveBrowserCredential", ""]) {
    test(`the constructor throws a TypeError for "${name}"`, () => {
      assert.throws(() => new DefaultAzureCredential({ env: {}, exclude: [name as DefaultAzureCredentialName] }), {
        name: "TypeError",
        message: `Option "exclude" must name credentials of ${
          NAMES.map((name) => `"${name}"`).join(", ")
        }, and names "${name}"`,
      });
    });
  }

  for (
    const [names, exclude, env] of [
      ["all credentials", NAMES, {}],
      ["all credentials of prod", PROD, { AZURE_TOKEN_CREDENTIALS: "prod" }],
      ["all credentials of dev", TOOL_NAMES, { AZURE_TOKEN_CREDENTIALS: "dev" }],
      ["the only credential in AZURE_TOKEN_CREDENTIALS", ["AzureCliCredential"], {
        AZURE_TOKEN_CREDENTIALS: "AzureCliCredential",
      }],
    ] as [string, Name[], Record<string, string>][]
  ) {
    test(`the constructor throws a TypeError for ${names}`, () => {
      assert.throws(() => new DefaultAzureCredential({ env, exclude }), {
        name: "TypeError",
        message: 'Option "exclude" leaves out every credential of the chain',
      });
    });
  }
});

describe("the options are passed to each credential", () => {
  for (const name of TOOL_NAMES) {
    const tool = TOOL_OF[name]!;

    test(`tenantId and additionallyAllowedTenants: ${name}`, async () => {
      const laptop = createLaptop({ has: [name], tenantId: "a.example", additionallyAllowedTenants: ["b.example"] });
      await laptop.credential.getToken(SCOPE);
      await laptop.credential.getToken(SCOPE, { tenantId: "b.example" });
      const started = laptop.programs.started.filter(({ command }) => command === `/usr/bin/${tool}`);
      assert.deepEqual(
        started.map(({ args, options }) =>
          options.env?.AZWEB_IDENTITY_TENANT ?? args.at(-1)?.replace("--tenant-id=", "")
        ),
        ["a.example", "b.example"],
      );
      const error = await failureOf(laptop.credential.getToken(SCOPE, { tenantId: "c.example" }));
      assert.match(error.message, /Cannot get a token from tenant "c\.example"/);
    });

    test(`processTimeoutInMs: ${name}`, async () => {
      const laptop = createLaptop({ has: [name], tools: { [tool]: hang }, processTimeoutInMs: 250, hasProfile: false });
      const failing = failureOf(laptop.credential.getToken(SCOPE));
      // The programs before it are not found: az, pwsh, powershell.
      await laptop.programs.untilStarted({ az: 1, pwsh: 2, azd: 4 }[tool]);
      await laptop.clock.advance(250);
      assert.match((await failing).message, /did not end within the 250 ms of "processTimeoutInMs"/);
    });
  }

  test("tenantId: WorkloadIdentityCredential", async () => {
    const { credential, entra } = createLaptop({ has: ["WorkloadIdentityCredential"], tenantId: "a.example" });
    await credential.getToken(SCOPE);
    assert.match(entra.requests[0]!.url, /\/a\.example\//);
  });

  test("the constructor throws a TypeError for an invalid tenantId or processTimeoutInMs", () => {
    assert.throws(() => new DefaultAzureCredential({ env: {}, tenantId: "a b" }), { name: "TypeError" });
    assert.throws(() => new DefaultAzureCredential({ env: {}, processTimeoutInMs: -1 }), { name: "TypeError" });
  });
});

describe("a failing developer tool never ends the chain", () => {
  const failures: Readonly<Record<string, (options: CredentialOptions) => unknown>> = {
    "no account is signed in": signedOut,
    "an error from Entra": () => ({ code: 1, stderr: "ERROR: AADSTS50076: Another factor" }),
    "an unknown error": () => ({ code: 70, stderr: "Traceback" }),
    "output that is not JSON": () => ({ stdout: "<html>" }),
    "no output": () => ({}),
    "the process cannot be started": () => new Error("spawn EFAULT"),
    "too much output": () => new RangeError("It wrote more than a megabyte"),
    "an expired token": () => ANSWERS.az(HOUR),
  };
  for (const [failure, fail] of Object.entries(failures)) {
    test(failure, async () => {
      const tools = { az: fail, pwsh: fail } as LaptopOptions["tools"] & object;
      const laptop = createLaptop({ has: TOOL_NAMES, tools });
      await assertUses(laptop, "AzureDeveloperCliCredential");
      assert.deepEqual(laptop.ran(), ["az", "pwsh", "azd"]);
      const skipped = laptop.events.filter(({ event }) => event === "credential-skipped");
      assert.deepEqual(skipped.map(({ credential }) => credential), NAMES.slice(0, -1));
    });
  }

  for (const options of [{}, { timeoutInMs: 2000 }]) {
    test(`the process hangs, with the options ${JSON.stringify(options)}`, async () => {
      const laptop = createLaptop({ has: TOOL_NAMES, tools: { az: hang, pwsh: hang }, hasProfile: false, ...options });
      const getting = laptop.credential.getToken(SCOPE);
      for (const count of [1, 2]) {
        await laptop.programs.untilStarted(count);
        await laptop.clock.advance(options.timeoutInMs ?? 15_000);
      }
      assert.equal((await getting).token, "of azd");
    });
  }

  test("azd is used only for calls with claims or several scopes, which az and PowerShell do not support", async () => {
    const { credential, ran, selected } = createLaptop({ has: TOOL_NAMES });
    assert.equal((await credential.getToken(SCOPE, { claims: "{}" })).token, "of azd");
    assert.deepEqual([ran(), selected()], [["azd"], []]);
    assert.equal((await credential.getToken(SCOPE)).token, "of az");
    assert.deepEqual(selected(), ["AzureCliCredential"]);
    const other = createLaptop({ has: TOOL_NAMES });
    assert.equal((await other.credential.getToken(["a/.default", "b/.default"])).token, "of azd");
    assert.equal((await other.credential.getToken(SCOPE)).token, "of az");
  });
});

describe("if one of the first three credentials is configured and fails, the chain ends without starting a tool", () => {
  const refusal = () => jsonAnswer({ error: "invalid_client", message: "No" }, { status: 400 });
  for (const name of PROD) {
    test(name, async () => {
      const { credential, ran, events } = createLaptop({
        has: [name, ...TOOL_NAMES],
        answer: refusal,
        ...name === "ManagedIdentityCredential" && { localAnswer: refusal },
      });
      const error = await failureOf(credential.getToken(SCOPE));
      assert.equal(error.name, "AuthenticationError");
      assert.deepEqual(ran(), []);
      const [failed] = events.filter(({ event }) => event === "credential-failed");
      assert.equal(failed!.credential, name);
      assert.equal(
        failed!.message,
        `DefaultAzureCredential ends at ${name}, which is configured and fails: ${error.message}`,
      );
      assert.equal(typeof failed!.elapsedInMs, "number");
    });
  }
});

test("later calls use only the selected credential, even if it fails", async () => {
  let isSignedIn = true;
  const laptop = createLaptop({
    has: TOOL_NAMES,
    cache: false,
    tools: { pwsh: () => isSignedIn ? ANSWERS.pwsh(9e12) : signedOut(), az: signedOut },
  });
  await laptop.credential.getToken(SCOPE);
  const { length } = laptop.localService.requests;
  isSignedIn = false;
  const error = await failureOf(laptop.credential.getToken(SCOPE));
  assert.match(error.message, /^AzurePowerShellCredential: .*No account is signed in/);
  isSignedIn = true;
  assert.equal((await laptop.credential.getToken(SCOPE)).token, "of pwsh");
  assert.deepEqual(laptop.ran(), ["az", "pwsh", "pwsh", "pwsh"]);
  assert.equal(laptop.localService.requests.length, length);
  assert.deepEqual(laptop.selected(), ["AzurePowerShellCredential"]);
});

test("a thousand concurrent calls start each tool once", async () => {
  const { credential, ran } = createLaptop({ has: TOOL_NAMES, tools: { az: signedOut } });
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => credential.getToken(SCOPE)));
  assert.deepEqual([...new Set(tokens.map(({ token }) => token))], ["of pwsh"]);
  assert.deepEqual(ran().filter((tool) => tool === "pwsh"), ["pwsh"]);
});

test("if no credential is available, the error is a table with the reason, the duration and the next step of each", async () => {
  const clock = createFakeClock();
  const slowly = (ms: number, then: () => unknown) => () => clock.sleep(ms).then(then);
  const laptop = createLaptop({
    clock,
    has: ["AzureCliCredential", "AzureDeveloperCliCredential"],
    hasProfile: false,
    localAnswer: () => new Promise(() => {}),
    tools: { az: slowly(420, signedOut), azd: slowly(7, signedOut) },
  });
  const failing = failureOf(laptop.credential.getToken(SCOPE));
  for (const ms of [1000, 420, 7]) {
    await clock.untilSleeping(ms);
    await clock.advance(ms);
  }
  const error = await failing;
  assert.equal(error.name, "AggregateAuthenticationError");
  const reason =
    "No account is signed in: Please run 'az login' to setup account. Not logged in, run `azd auth login` to login. " +
    "Run Connect-AzAccount to login";
  const rows = [
    [
      "EnvironmentCredential",
      "0 ms",
      "Cannot find a service principal or a user: None of its variables is set",
      "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and one of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, " +
      "AZURE_USERNAME with AZURE_PASSWORD",
    ],
    ["WorkloadIdentityCredential", "0 ms", /Cannot .*/, /.*/],
    [
      "ManagedIdentityCredential",
      "1000 ms",
      "Cannot find a managed identity: No variable names a source, and there is no metadata service at 169.254.169.254",
      "",
    ],
    ["AzureCliCredential", "420 ms", `Cannot get a token from Azure CLI: ${reason}`, `Run "az login --scope ${SCOPE}"`],
    [
      "AzurePowerShellCredential",
      "0 ms",
      'Cannot get a token from Azure PowerShell: No folder of PATH has the program "pwsh" or "powershell"',
      "Install it, see https://learn.microsoft.com/powershell/azure/install-azure-powershell",
    ],
    [
      "AzureDeveloperCliCredential",
      "7 ms",
      `Cannot get a token from Azure Developer CLI: ${reason}`,
      `Run "azd auth login --scope ${SCOPE}"`,
    ],
  ] as const;
  const lines = error.message.split(/\n {2}(?! )/);
  assert.deepEqual(lines.slice(0, 2), [
    "DefaultAzureCredential: Cannot get a token: No credential is available",
    `${"credential".padEnd(27)}  outcome  ${"time".padEnd(7)}  reason and next step`,
  ]);
  const skipped = laptop.events.filter(({ event }) => event === "credential-skipped");
  for (const [index, [name, time, reason, nextStep]] of rows.entries()) {
    const start = `${name.padEnd(27)}  absent   ${time.padEnd(7)}  `;
    const line = lines[index + 2]!;
    assert.ok(line.startsWith(start), line);
    if (typeof reason === "string") {
      assert.equal(line.slice(start.length), nextStep ? `${reason}\n    → ${nextStep}` : reason);
    }
    // The log has an event with the same reason and duration for each credential.
    const { credential, elapsedInMs, message } = skipped[index]!;
    assert.deepEqual([credential, `${elapsedInMs} ms`], [name, time]);
    assert.ok(message.startsWith(`DefaultAzureCredential skips ${name}, which is absent: ${name}: Cannot `), message);
  }
  assert.equal(lines.length, 8);
  const errors = error.errors as Error[];
  assert.deepEqual(errors.map(({ name }) => name), NAMES.map(() => "CredentialUnavailableError"));
  assert.ok(errors.every(({ message }, index) => message.startsWith(`${NAMES[index]}: `)));
});

test("the log names the selected credential with its duration", async () => {
  const clock = createFakeClock();
  const az = () => clock.sleep(420).then(() => ANSWERS.az(clock.now() + HOUR));
  const laptop = createLaptop({ clock, has: ["AzureCliCredential"], hasProfile: false, tools: { az } });
  const getting = laptop.credential.getToken(SCOPE);
  await clock.untilSleeping(420);
  await clock.advance(420);
  await getting;
  const selected = laptop.events.filter(({ event }) => event === "credential-selected");
  assert.deepEqual(selected, [{
    event: "credential-selected",
    credential: "AzureCliCredential",
    message: "DefaultAzureCredential uses AzureCliCredential",
    elapsedInMs: 420,
  }]);
});

describe("each absent credential is logged once, as skipped:", () => {
  for (
    const [set, variables, names] of [
      ["all credentials", {}, NAMES],
      ["AZURE_TOKEN_CREDENTIALS=dev", { AZURE_TOKEN_CREDENTIALS: "dev" }, NAMES.slice(3)],
      ["AZURE_TOKEN_CREDENTIALS=prod", { AZURE_TOKEN_CREDENTIALS: "prod" }, NAMES.slice(0, 3)],
    ] as const
  ) {
    test(set, async () => {
      const localAnswer = () => {
        throw new TypeError("Connection refused");
      };
      const { credential, events } = createLaptop({ variables, localAnswer, retryOptions: { maxRetries: 0 } });
      await failureOf(credential.getToken(SCOPE));
      assert.deepEqual(
        events.map(({ event, credential }) => [event, credential]),
        names.map((name) => ["credential-skipped", name]),
      );
    });
  }

  test("an inconclusive credential is also logged as failed", async () => {
    const laptop = createLaptop({
      has: ["AzureCliCredential"],
      tools: { az: () => ({ code: 70, stderr: "Traceback" }) },
    });
    await failureOf(laptop.credential.getToken(SCOPE));
    const failed = laptop.events.filter(({ event }) => event === "token-failed");
    assert.deepEqual(failed.map(({ credential }) => credential), ["AzureCliCredential"]);
  });

  test("in a ChainedTokenCredential, which does not log skipped credentials, the credential logs its failure", async () => {
    const { credential, events } = createDesk("az", () => noProgram());
    await failureOf(new ChainedTokenCredential(credential).getToken(SCOPE));
    assert.deepEqual(events.map(({ event }) => event), ["token-failed"]);
  });
});
