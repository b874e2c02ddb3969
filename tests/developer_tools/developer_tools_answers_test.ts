// How the output of the developer tools is read: as a token, or as a reason and a next step.
import type { CommandOutput } from "@azweb/identity/runtime";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOf, SCOPE } from "../support/service.ts";
import {
  ANSWERS,
  createDesk,
  CREDENTIALS,
  HOUR,
  noProgram,
  NOW,
  type ToolName,
} from "../support/developer_tools/tool.ts";

const SAYS: Readonly<Record<ToolName, string>> = {
  az: "Azure CLI",
  azd: "Azure Developer CLI",
  pwsh: "Azure PowerShell",
};
const LOGIN: Readonly<Record<ToolName, string>> = {
  az: `Run "az login --scope ${SCOPE}"`,
  azd: `Run "azd auth login --scope ${SCOPE}"`,
  pwsh: 'Run "Connect-AzAccount" in PowerShell',
};
const BY_HAND: Readonly<Record<ToolName, string>> = {
  az: 'Run "az account get-access-token" by hand to see whether it works',
  azd: 'Run "azd auth token" by hand to see whether it works',
  pwsh: 'Run "Get-AzAccessToken" by hand to see whether it works',
};
const ABSENT: Readonly<Record<ToolName, readonly [string, string]>> = {
  az: [
    'No folder of PATH has the program "az"',
    "Install it, see https://learn.microsoft.com/cli/azure/install-azure-cli",
  ],
  azd: [
    'No folder of PATH has the program "azd"',
    "Install it, see https://learn.microsoft.com/azure/developer/azure-developer-cli/install-azd",
  ],
  pwsh: [
    'No folder of PATH has the program "pwsh" or "powershell"',
    "Install it, see https://learn.microsoft.com/powershell/azure/install-azure-powershell",
  ],
};
const LACKS = "It is not installed, or lacks something: ";
const SIGNED_OUT = "No account is signed in: ";
const NO_MODULE = [
  "Its module Az.Accounts, version 2.2.0 or newer, is not installed",
  'Run "Install-Module Az.Accounts" in PowerShell',
] as const;
const AADSTS = "AADSTS50076: Due to a configuration change, you must use multi-factor authentication";

/** Gets a token from a tool with this output, and returns the outcome. */
async function failureWith(
  tool: ToolName,
  output: Partial<CommandOutput> | Error,
  call: { tenantId?: string; claims?: string } = {},
): Promise<string> {
  return (await errorWith(tool, output, call)).reason;
}

/** Gets a token from a tool with this output, and returns the reason with the next step, and the outcome. */
async function errorWith(
  tool: ToolName,
  output: Partial<CommandOutput> | Error,
  call: { tenantId?: string; claims?: string } = {},
): Promise<{ reason: string; outcome: unknown }> {
  const error = await failureOf(createDesk(tool, () => output).credential.getToken(SCOPE, call));
  assert.equal(error.name, "CredentialUnavailableError");
  assert.ok(error.message.endsWith(`: ${error.nextStep}`), error.message);
  const start = `${CREDENTIALS[tool]}: Cannot get a token from ${SAYS[tool]}: `;
  assert.ok(error.message.startsWith(start), error.message);
  return { reason: error.message.slice(start.length), outcome: error.outcome };
}

/** The outcome that a chain derives from a reason. */
function outcomeOf(reason: string): string {
  if ([SIGNED_OUT, LACKS, NO_MODULE[0], "No folder of PATH"].some((start) => reason.startsWith(start))) return "absent";
  return reason.startsWith("This version has no option") ? "not-for-this-call" : "inconclusive";
}

/** The error output of azd since version 1.23.7. */
function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

describe("the reason and the next step of an error", () => {
  const rows: [string, ToolName, Partial<CommandOutput> | Error, readonly [string, string]][] = [
    ...(["az", "azd", "pwsh"] as const).flatMap((
      tool,
    ): [string, ToolName, Partial<CommandOutput> | Error, readonly [string, string]][] => [
      ["it is not installed", tool, noProgram(), ABSENT[tool]],
      ["it is not installed, according to a wrapper", tool, { code: 127 }, ABSENT[tool]],
      ["it is not installed, according to a batch file", tool, { code: 9009 }, ABSENT[tool]],
      ["a dependency is missing", tool, { code: 127, stderr: "exec: python3: not found\n" }, [
        `${LACKS}exec: python3: not found`,
        ABSENT[tool][1],
      ]],
      ["a dependency is missing, on Windows", tool, { code: 9009, stderr: "Python was not found.\r\n" }, [
        `${LACKS}Python was not found`,
        ABSENT[tool][1],
      ]],
      ...[
        ["sh", `/bin/sh: 1: ${tool}: not found`],
        ["bash", `bash: ${tool}: command not found`],
        ["zsh", `env: '${tool}': not found`],
        ["cmd.exe", `'${tool}' is not recognized as an internal or external command, operable program or batch file`],
      ].map(([shell, output]): [string, ToolName, Partial<CommandOutput>, readonly [string, string]] => [
        `it is not installed, according to ${shell}`,
        tool,
        { code: 1, stderr: `${output!.replace(", ", ",\r\n")}.\n` },
        [LACKS + output, ABSENT[tool][1]],
      ]),
      ["nothing", tool, {}, ["It wrote no message", BY_HAND[tool]]],
      ["it failed without output", tool, { code: 3 }, [
        "It ended with exit code 3: It wrote no message",
        BY_HAND[tool],
      ]],
      ["garbage", tool, { stdout: "<html>" }, ["Its output is not the JSON of a token", BY_HAND[tool]]],
      ["another object", tool, { stdout: "{}" }, ["Its output is not the JSON of a token", BY_HAND[tool]]],
      ["an array", tool, { stdout: "[]" }, ["Its output is not the JSON of a token", BY_HAND[tool]]],
      [
        "an unknown error",
        tool,
        { code: 1, stderr: "ERROR: Disk full\n  at line 3\n" },
        ["It ended with exit code 1: ERROR: Disk full at line 3", BY_HAND[tool]],
      ],
      ["an error from Entra", tool, { code: 1, stderr: `ERROR: ${AADSTS}` }, [`ERROR: ${AADSTS}`, LOGIN[tool]]],
      [
        "a program that cannot be run",
        tool,
        Object.assign(new Error("spawn ETXTBSY"), { code: "ETXTBSY" }),
        [
          `"${
            { az: "az account get-access-token", azd: "azd auth token", pwsh: "pwsh -NoProfile -NonInteractive" }[tool]
          }" could not be run: spawn ETXTBSY`,
          "Run it by hand to see whether it works",
        ],
      ],
    ]),
    ...[
      "ERROR: Please run 'az login' to setup account.",
    ].map((stderr): [string, ToolName, Partial<CommandOutput>, [string, string]] => [
      stderr,
      "az",
      { code: 1, stderr: `${stderr}\n` },
      [SIGNED_OUT + stderr.replace(/\.$/, ""), LOGIN.az],
    ]),
    ...[
      "ERROR: No subscription found. Run 'az account set' to select a subscription",
      "ERROR: (pii). Status: Response_Status.Status_InteractionRequired, Error code: 0. Please explicitly log in with: az login --scope x",
      "ERROR: The refresh token has expired or is invalid",
      "CLIInternalError: The command failed with an unexpected error",
    ].map((stderr): [string, ToolName, Partial<CommandOutput>, [string, string]] => [
      stderr,
      "az",
      { code: 1, stderr: `${stderr}\n` },
      [stderr, LOGIN.az],
    ]),
    [
      "an error from Entra with its own advice",
      "az",
      { code: 1, stderr: `ERROR: ${AADSTS}\nTo re-authenticate, please run: az login --scope ${SCOPE}` },
      [`ERROR: ${AADSTS} To re-authenticate, please run: az login --scope ${SCOPE}`, LOGIN.az],
    ],
    ...[
      "ERROR: not logged in, run `azd auth login` to login",
      "ERROR: not logged in, run `azd login` to login",
      "ERROR: fetching token: not logged in",
    ].map((stderr): [string, ToolName, Partial<CommandOutput>, [string, string]] => [
      `in older versions: ${stderr}`,
      "azd",
      { code: 1, stderr: `${stderr}\n` },
      [SIGNED_OUT + stderr, LOGIN.azd],
    ]),
    [
      "in JSON, the first error before any message",
      "azd",
      {
        code: 1,
        stderr: line({ type: "consoleMessage", data: { message: "\nWARNING: old" } }) + line({ error: "" }) +
          line({ error: "not logged in, run `azd auth login` to login" }) + line({ error: "another" }),
      },
      [`${SIGNED_OUT}not logged in, run \`azd auth login\` to login`, LOGIN.azd],
    ],
    [
      "in JSON, the first message",
      "azd",
      {
        code: 1,
        stderr: `noise\n${line({ data: { message: "" } })}${
          line({
            type: "consoleMessage",
            data: { message: "\nERROR: reauthentication required, run `azd auth login`\n" },
          })
        }${line({ data: { message: "later" } })}`,
      },
      ["ERROR: reauthentication required, run `azd auth login`", LOGIN.azd],
    ],
    [
      "in JSON, nothing readable",
      "azd",
      { code: 1, stderr: `${line({ data: [] })}${line({ error: 7 })}` },
      ['It ended with exit code 1: {"data":[]} {"error":7}', BY_HAND.azd],
    ],
    [
      "another factor is required",
      "azd",
      { code: 1, stderr: line({ error: "you must use multi-factor authentication to access" }) },
      ["you must use multi-factor authentication to access", LOGIN.azd],
    ],
    [
      "its version does not support claims",
      "azd",
      { code: 1, stderr: "ERROR: unknown flag: --claims\n" },
      ["This version has no option for claims", "Update it to 1.18.1 or newer"],
    ],
    ...([
      [
        "the module is not installed",
        "azweb: no Az.Accounts: The specified module 'Az.Accounts' was not loaded",
        NO_MODULE,
      ],
      [
        "the module is not installed, as an unexpected error of the script",
        "The specified module 'Az.Accounts' was not loaded because no valid module file was found",
        NO_MODULE,
      ],
      ["its execution policy forbids the module", "AuthorizationManager check failed.", [
        "The execution policy of PowerShell does not let its module run",
        'Run "Set-ExecutionPolicy -Scope CurrentUser RemoteSigned" in PowerShell',
      ]],
      ...[
        "Run Connect-AzAccount to login.",
        "No accounts were found in the cache.",
      ].map((words) => [words, words, [SIGNED_OUT + words.replace(/\.$/, ""), LOGIN.pwsh]]),
      ["its session has expired", "Your Azure credentials have expired, please run Connect-AzAccount", [
        "Your Azure credentials have expired, please run Connect-AzAccount",
        LOGIN.pwsh,
      ]],
      ["its token cache failed", "SharedTokenCacheCredential: cannot retrieve access token", [
        "SharedTokenCacheCredential: cannot retrieve access token",
        LOGIN.pwsh,
      ]],
      ["an error from Entra with its own advice", `${AADSTS}. Please run Connect-AzAccount again`, [
        `${AADSTS}. Please run Connect-AzAccount again`,
        LOGIN.pwsh,
      ]],
      ["an error from Entra with braces", `${AADSTS} {"claims":{"a":1}}`, [
        `${AADSTS} {"claims":{"a":1}}`,
        LOGIN.pwsh,
      ]],
    ] as [string, string, readonly [string, string]][]).flatMap((
      [what, words, expected],
    ): [string, ToolName, Partial<CommandOutput>, readonly [string, string]][] => [
      [what, "pwsh", { code: 1, stdout: `noise {x}\r\n${JSON.stringify({ error: words })}\r\n` }, expected],
      [`${what}, on stderr`, "pwsh", { code: 1, stderr: `${words}\r\n` }, expected],
    ]),
  ];
  for (const [what, tool, output, [cause, nextStep]] of rows) {
    test(`${tool}: ${what}`, async () => {
      const reason = `${cause}: ${nextStep}`;
      assert.deepEqual(await errorWith(tool, output), { reason, outcome: outcomeOf(cause) });
    });
  }

  test("a message about an unrecognized argument does not mean that the program is missing", async () => {
    const stderr = "ERROR: 'account' is not recognized as a command";
    assert.equal(await failureWith("az", { code: 2, stderr }), `It ended with exit code 2: ${stderr}: ${BY_HAND.az}`);
  });

  test("a warning beside a token is ignored", async () => {
    for (const tool of ["az", "azd", "pwsh"] as const) {
      const stderr = "WARNING: az login, AADSTS1, not found, Connect-AzAccount, azd auth login";
      const { credential } = createDesk(tool, () => ({ ...ANSWERS[tool](), stderr }));
      assert.equal((await credential.getToken(SCOPE)).token, `of ${tool}`);
    }
  });

  const opaque = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2qR5tU8".repeat(3);
  const inLines = opaque.replace(/.{48}/g, "$&\n");
  const short = "aB3~dE6.gH9";
  for (
    const [what, stderr, secret] of [
      ["an opaque secret, in lines of 48 characters", `ERROR: Refused: ${inLines}`, opaque],
      ["an opaque secret, with Windows line endings", `ERROR: Refused: ${inLines.replaceAll("\n", "\r\n")}`, opaque],
      ["a client secret with its name", `ERROR: POST client_id=an-app&client_secret=${short}&scope=x failed`, short],
      ["a client secret in JSON", `ERROR: {"client_secret": "${short}"} was refused`, short],
      ["a password with its name", `ERROR: --password=${short} was refused`, short],
      ["a refresh token with its name", `ERROR: refresh_token=${short} has expired`, short],
    ] as const
  ) {
    for (const tool of ["az", "azd", "pwsh"] as const) {
      test(`${tool}: the error does not contain ${what}`, async () => {
        const message = await failureWith(tool, { code: 1, stderr });
        assert.match(message, /\[redacted\]/);
        const pieces = secret.match(/.{1,8}/g)!;
        assert.deepEqual(pieces.filter((piece) => message.includes(piece)), []);
      });
    }
  }

  test("a long message is truncated to a single line", async () => {
    for (const tool of ["az", "azd", "pwsh"] as const) {
      const message = await failureWith(tool, { code: 1, stderr: "a b\n\t\x07".repeat(10_000) });
      assert.ok(message.length < 600, String(message.length));
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(message, /[\x00-\x1f]/);
    }
  });

  test("the suggested sign-in command contains the tenant", async () => {
    const call = { tenantId: "other.example" };
    const stderr = "az login, azd auth login, Connect-AzAccount";
    for (
      const [tool, command] of [
        ["az", `"az login --tenant other.example --scope ${SCOPE}"`],
        ["azd", `"azd auth login --tenant-id other.example --scope ${SCOPE}"`],
        ["pwsh", '"Connect-AzAccount -Tenant other.example" in PowerShell'],
      ] as const
    ) {
      assert.ok((await failureWith(tool, { code: 1, stderr }, call)).endsWith(`: Run ${command}`));
    }
  });
});

describe("claims", () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  for (
    const [tool, tenantId, command] of [
      ["az", undefined, `az login --scope ${SCOPE} --claims-challenge "${btoa(claims)}"`],
      ["az", "a.example", `az login --tenant a.example --scope ${SCOPE} --claims-challenge "${btoa(claims)}"`],
      ["pwsh", undefined, `Connect-AzAccount -ClaimsChallenge ${btoa(claims)}`],
      ["pwsh", "a.example", `Connect-AzAccount -Tenant a.example -ClaimsChallenge ${btoa(claims)}`],
    ] as const
  ) {
    test(`${tool}${tenantId ? " with a tenant" : ""}: the error contains the command that signs in with them, and no process is started`, async () => {
      const { credential, programs } = createDesk(tool);
      const error = await failureOf(credential.getToken(SCOPE, { claims, ...tenantId && { tenantId } }));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.equal(
        error.message,
        `${CREDENTIALS[tool]}: Cannot get a token from ${
          SAYS[tool]
        }: It accepts claims at sign-in only: Run "${command}"`,
      );
      assert.equal(error.outcome, "not-for-this-call");
      assert.equal(programs.started.length, 0);
    });
  }

  test("azd supports them, and its token replaces the cached one", async () => {
    const { credential, programs } = createDesk("azd", (_, index) => ANSWERS.azd(NOW + HOUR, `token ${index}`));
    await credential.getToken(SCOPE);
    assert.equal((await credential.getToken(SCOPE, { claims })).token, "token 1");
    assert.equal((await credential.getToken(SCOPE)).token, "token 1");
    assert.deepEqual(programs.started.map(({ args }) => args.some((arg) => arg.startsWith("--claims="))), [
      false,
      true,
    ]);
  });
});

describe("the expiry time of a token", () => {
  const end = NOW + HOUR;
  /** Formats a time in the local time zone, whichever that is. */
  const local = (time: number, separator = " ", rest = ".123456") => {
    const date = new Date(time);
    const [year, ...others] = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
    const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0"));
    return `${[year, ...others.map((part) => String(part).padStart(2, "0"))].join("-")}${separator}${
      clock.join(":")
    }${rest}`;
  };
  const az = (members: object) => ({ stdout: JSON.stringify({ accessToken: "of az", ...members }) });
  for (
    const [what, tool, output] of [
      ["expires_on", "az", az({ expires_on: end / 1000 })],
      ["expires_on as a string", "az", az({ expires_on: String(end / 1000) })],
      ["expires_on before expiresOn", "az", az({ expires_on: end / 1000, expiresOn: local(NOW + 2 * HOUR) })],
      ["expiresOn", "az", az({ expiresOn: local(end) })],
      ["expiresOn without a fraction", "az", az({ expiresOn: local(end, " ", "") })],
      ["expiresOn in ISO 8601", "az", az({ expiresOn: local(end, "T", "") })],
      ["expiresOn if expires_on is null", "az", az({ expires_on: null, expiresOn: local(end) })],
      ["UTC", "azd", ANSWERS.azd(end)],
      ["UTC with a fraction", "azd", {
        stdout: JSON.stringify({ token: "of azd", expiresOn: new Date(end).toISOString() }),
      }],
      ["unix seconds", "pwsh", ANSWERS.pwsh(end)],
      ["unix seconds as a string", "pwsh", {
        stdout: JSON.stringify({ token: "of pwsh", expiresOn: String(end / 1000) }),
      }],
      ["unix seconds among other output", "pwsh", {
        stdout: `WARNING: {not} JSON\r\n{"a":{"b":1}}\r\n${ANSWERS.pwsh(end).stdout}done {\r\n`,
      }],
      ["unix seconds after a byte order mark", "pwsh", { stdout: `\ufeff${ANSWERS.pwsh(end).stdout}` }],
      ["unix seconds over several lines", "pwsh", {
        stdout: JSON.stringify({ token: "of pwsh", expiresOn: end / 1000 }, null, 2).replaceAll("\n", "\r\n"),
      }],
    ] as [string, ToolName, Partial<CommandOutput>][]
  ) {
    test(`${tool}: ${what}`, async () => {
      const { token, expiresOnTimestamp } = await createDesk(tool, () => output).credential.getToken(SCOPE);
      assert.deepEqual([token, expiresOnTimestamp], [`of ${tool}`, end]);
    });
  }

  for (
    const [what, tool, output] of [
      ["no expiry time", "az", az({})],
      ["an expiry time that is not a time", "az", az({ expiresOn: "soon" })],
      ["an expiry time that is not a number", "az", az({ expires_on: "soon" })],
      ["an expiry time with a time zone", "az", az({ expiresOn: "2026-11-23 11:00:00 +0100" })],
      ["an expiry time in milliseconds", "az", az({ expires_on: end })],
      ["a negative expiry time", "az", az({ expires_on: -1 })],
      ["no token", "az", { stdout: JSON.stringify({ expires_on: end / 1000 }) }],
      ["an empty token", "az", az({ accessToken: "", expires_on: end / 1000 })],
      ["a token that is not a string", "az", az({ accessToken: ["a"], expires_on: end / 1000 })],
      ["a local expiry time", "azd", { stdout: JSON.stringify({ token: "a", expiresOn: "2026-11-23T11:00:00" }) }],
      ["an expiry time that is a number", "azd", { stdout: JSON.stringify({ token: "a", expiresOn: end / 1000 }) }],
      ["an impossible expiry time", "azd", {
        stdout: JSON.stringify({ token: "a", expiresOn: "2026-13-23T11:00:00Z" }),
      }],
      ["an empty token", "azd", { stdout: JSON.stringify({ token: "", expiresOn: "2026-11-23T11:00:00Z" }) }],
      // The output of ConvertTo-Json for a date: on 7, on 5.1, and on 5.1 for an object with members.
      ["an expiry time in ISO 8601", "pwsh", { stdout: '{"token":"a","expiresOn":"2026-11-23T11:00:00+00:00"}' }],
      ["an expiry time of Windows PowerShell", "pwsh", {
        stdout: '{"token":"a","expiresOn":"\\/Date(1795431600000)\\/"}',
      }],
      ["an expiry time with members", "pwsh", {
        stdout: '{"token":"a","expiresOn":{"value":"\\/Date(1795431600000)\\/"}}',
      }],
      ["a token that was not converted to a string", "pwsh", {
        stdout: `{"token":{"Length":9},"expiresOn":${end / 1000}}`,
      }],
    ] as [string, ToolName, Partial<CommandOutput>][]
  ) {
    test(`${tool}: ${what} is rejected`, async () => {
      assert.equal(await failureWith(tool, output), `Its output is not the JSON of a token: ${BY_HAND[tool]}`);
    });
  }

  for (const tool of ["az", "azd", "pwsh"] as const) {
    test(`${tool}: an expired token is rejected`, async () => {
      for (const expiresOn of [NOW - HOUR, NOW]) {
        assert.equal(
          await failureWith(tool, ANSWERS[tool](expiresOn)),
          `Its token expired on ${new Date(expiresOn).toISOString()}: Check the clock of this machine`,
        );
      }
    });
  }
});

describe("the tenant", () => {
  test("a call may name any tenant if the credential has none", async () => {
    const { credential, programs } = createDesk("az");
    for (const tenantId of ["a.example", "b.example"]) await credential.getToken(SCOPE, { tenantId });
    await credential.getToken(SCOPE, { tenantId: "A.example" });
    assert.deepEqual(programs.started.map(({ args }) => args.at(-1)), ["a.example", "b.example"]);
  });

  for (const tool of ["az", "azd", "pwsh"] as const) {
    test(`${tool}: a call may name the credential's tenant and those in additionallyAllowedTenants`, async () => {
      const { credential, programs } = createDesk(tool, undefined, {
        tenantId: "a.example",
        additionallyAllowedTenants: ["b.example"],
      });
      await credential.getToken(SCOPE, { tenantId: "A.EXAMPLE" });
      await credential.getToken(SCOPE, { tenantId: "b.example" });
      const error = await failureOf(credential.getToken(SCOPE, { tenantId: "c.example" }));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(
        error.message,
        /Cannot get a token from tenant "c\.example": The credential is for tenant "a\.example"/,
      );
      assert.equal(error.outcome, "not-for-this-call");
      assert.equal(programs.started.length, 2);
      const any = createDesk(tool, undefined, { tenantId: "a.example", additionallyAllowedTenants: ["*"] });
      await any.credential.getToken(SCOPE, { tenantId: "c.example" });
    });
  }

  test("a subscription of another tenant gives no token", async () => {
    const options = { subscription: "my sub", tenantId: "another" };
    const error = await failureOf(createDesk("az", undefined, options).credential.getToken(SCOPE));
    assert.equal(
      error.message,
      'AzureCliCredential: Cannot get a token from Azure CLI: The subscription "my sub" is in another tenant than "another": ' +
        'Give the id of its tenant as "tenantId", or leave out one of the two',
    );
    const nameless = () => ({ stdout: JSON.stringify({ accessToken: "a", expires_on: (NOW + HOUR) / 1000 }) });
    const other = await failureOf(createDesk("az", nameless, options).credential.getToken(SCOPE));
    assert.match(other.message, /is in another tenant/);
    const same = createDesk("az", undefined, { ...options, tenantId: "A-Tenant" });
    assert.equal((await same.credential.getToken(SCOPE)).token, "of az");
  });
});

describe("the time limit", () => {
  for (
    const [ms, options, option] of [
      [15_000, {}, "processTimeoutInMs"],
      [300, { processTimeoutInMs: 300 }, "processTimeoutInMs"],
      [300, { timeoutInMs: 300 }, "timeoutInMs"],
    ] as const
  ) {
    for (const tool of ["az", "azd", "pwsh"] as const) {
      test(`${tool}: is stopped after the ${ms} ms of "${option}", which the error names`, async () => {
        const clock = createFakeClock(NOW);
        let stopped: unknown;
        const { credential, programs } = createDesk(
          tool,
          ({ options: { signal } }) =>
            new Promise(() => signal!.addEventListener("abort", () => stopped = signal!.reason)),
          { clock, ...options },
        );
        const failing = failureOf(credential.getToken(SCOPE));
        await programs.untilStarted(1);
        await clock.advance(ms - 1);
        assert.equal(stopped, undefined);
        await clock.advance(1);
        const error = await failing;
        assert.equal(error.name, "CredentialUnavailableError");
        assert.equal(stopped, error);
        assert.match(
          error.message,
          new RegExp(
            `^${
              CREDENTIALS[tool]
            }: .*: "${tool} [^"]+" did not end within the ${ms} ms of "${option}", and was stopped: ` +
              "Run it by hand to see what it waits for, or give it more time$",
          ),
        );
        assert.deepEqual(clock.sleeping, []);
      });
    }
  }

  test("the constructor throws a TypeError for an invalid limit", () => {
    for (const processTimeoutInMs of [-1, NaN, "1" as never]) {
      assert.throws(() => createDesk("az", undefined, { processTimeoutInMs }), {
        name: "TypeError",
        message: 'Option "processTimeoutInMs" must be a non-negative number',
      });
    }
  });
});
