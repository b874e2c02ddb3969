// How the output of the developer tools is read: as a token, or as a reason and a next step.
import type { CommandOutput } from "@azweb/identity/runtime";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOf, SCOPE, TENANT } from "../support/service.ts";
import {
  ANSWERS,
  createDesk,
  CREDENTIALS,
  hang,
  HOUR,
  noProgram,
  NOW,
  type ToolName,
} from "../support/developer_tools/tool.ts";

const PRODUCTS: Readonly<Record<ToolName, string>> = {
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
const INCOMPLETE = "It is not installed, or lacks something: ";
const SIGNED_OUT = "No account is signed in: ";
const NO_MODULE = [
  "Its module Az.Accounts, version 2.2.0 or newer, is not installed",
  'Run "Install-Module Az.Accounts" in PowerShell',
] as const;
const TOKEN_MISSING: Readonly<Record<ToolName, string>> = {
  az: 'The token is missing: Its output has no "accessToken"',
  azd: 'The token is missing: Its output has no "token"',
  pwsh: 'The token is missing: Its output has no "token"',
};
const TIME_MISSING: Readonly<Record<ToolName, string>> = {
  az: 'The expiry time is missing: Its output has no valid "expires_on" or "expiresOn"',
  azd: 'The expiry time is missing: Its output has no valid "expiresOn"',
  pwsh: 'The expiry time is missing: Its output has no valid "expiresOn"',
};
/** Returns strings as CLIXML, the format that PowerShell writes for another PowerShell, each with its output stream. */
function cliXml(...strings: readonly (readonly [stream: string, text: string])[]): string {
  const elements = strings.map(([stream, text]) => `<S S="${stream}">${text}</S>`);
  return `#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">` +
    `<Obj S="progress" RefId="0"><TN RefId="0"><T>System.Object</T></TN><MS><I64 N="SourceId">1</I64><PR N="Record">` +
    `<AV>Preparing modules for first use.</AV><AI>0</AI><Nil /></PR></MS></Obj>${elements.join("")}</Objs>`;
}
const AADSTS = "AADSTS50076: Due to a configuration change, you must use multi-factor authentication";
/** Warnings beside the output, with words that are also in errors. They must not affect how the output is read. */
const WARNINGS = "WARNING: You have 2 updates available. Run 'az upgrade', then 'az login' or Connect-AzAccount\n" +
  "/opt/az/lib/cryptography/x509.py:8: UserWarning: azd is not recognized, not logged in, az: not found\n";

/** Gets a token from a tool with this output. Returns the reason and the next step of the error. */
async function failureWith(
  tool: ToolName,
  output: Partial<CommandOutput> | Error,
  call: { tenantId?: string; claims?: string } = {},
): Promise<string> {
  return (await errorWith(tool, output, call)).reason;
}

/** Gets a token from a tool with this output. Returns the reason with the next step, and the outcome of the error. */
async function errorWith(
  tool: ToolName,
  output: Partial<CommandOutput> | Error,
  call: { tenantId?: string; claims?: string } = {},
): Promise<{ reason: string; outcome: unknown }> {
  const error = await failureOf(createDesk(tool, () => output).credential.getToken(SCOPE, call));
  assert.equal(error.name, "CredentialUnavailableError");
  assert.ok(error.message.endsWith(`: ${error.nextStep}`), error.message);
  // Only an inconclusive outcome has a time until the next attempt.
  assert.equal("recheckAfterInMs" in error, error.outcome === "inconclusive");
  const start = `${CREDENTIALS[tool]}: Cannot get a token from ${PRODUCTS[tool]}: `;
  assert.ok(error.message.startsWith(start), error.message);
  return { reason: error.message.slice(start.length), outcome: error.outcome };
}

/** The outcome that a chain derives from a reason. */
function outcomeOf(reason: string): string {
  if ([SIGNED_OUT, INCOMPLETE, NO_MODULE[0], "No folder of PATH"].some((start) => reason.startsWith(start))) {
    return "absent";
  }
  return /^This version has no option|non-current tenants/.test(reason) ? "not-for-this-call" : "inconclusive";
}

/** Returns a line of the error output that azd writes since version 1.23.7. */
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
        `${INCOMPLETE}exec: python3: not found`,
        ABSENT[tool][1],
      ]],
      ["a dependency is missing, on Windows", tool, { code: 9009, stderr: "Python was not found.\r\n" }, [
        `${INCOMPLETE}Python was not found`,
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
        [INCOMPLETE + output, ABSENT[tool][1]],
      ]),
      ["no output", tool, {}, ["Its output is empty", BY_HAND[tool]]],
      ["no output, and a warning", tool, { stderr: "WARNING: You have 2 updates available\n" }, [
        "Its output is empty",
        BY_HAND[tool],
      ]],
      ["no output, and an error", tool, { stderr: `WARNING: old\nERROR: ${AADSTS}\n` }, [
        `ERROR: ${AADSTS}`,
        LOGIN[tool],
      ]],
      [
        "no output, because a wrapper does not find the program",
        tool,
        { stderr: `bash: ${tool}: command not found\n` },
        [
          `${INCOMPLETE}bash: ${tool}: command not found`,
          ABSENT[tool][1],
        ],
      ],
      ["it failed without output", tool, { code: 3 }, [
        "It ended with exit code 3: It wrote no message",
        BY_HAND[tool],
      ]],
      ["output that is not JSON", tool, { stdout: "<html>" }, ["Its output is not the JSON of a token", BY_HAND[tool]]],
      ["an object without a token", tool, { stdout: "{}" }, [TOKEN_MISSING[tool], BY_HAND[tool]]],
      ["output that is not JSON, and an exit code", tool, { code: 1, stdout: "<html>" }, [
        "It ended with exit code 1: Its output is not the JSON of a token",
        BY_HAND[tool],
      ]],
      ["output that is not JSON, beside warnings", tool, { stdout: "<html>", stderr: WARNINGS }, [
        "Its output is not the JSON of a token",
        BY_HAND[tool],
      ]],
      ["an object without a token, beside warnings", tool, { stdout: "{}", stderr: WARNINGS }, [
        TOKEN_MISSING[tool],
        BY_HAND[tool],
      ]],
      [
        "output that is not JSON, beside an error",
        tool,
        { stdout: "<html>", stderr: `${WARNINGS}ERROR: ${AADSTS}\n` },
        [
          `ERROR: ${AADSTS}`,
          LOGIN[tool],
        ],
      ],
      ["an error with the escape sequences for a red text and a link", tool, {
        code: 1,
        stderr: `\x1b(B\x1b[91mERROR: \x1b]8;;https://aka.ms\x1b\\${AADSTS}\x1b]8;;\x07\x1b[0m\x1b(B`,
      }, [`ERROR: ${AADSTS}`, LOGIN[tool]]],
      ["an array", tool, { stdout: "[]" }, ["Its output is not the JSON of a token", BY_HAND[tool]]],
      [
        "an unknown error",
        tool,
        { code: 1, stderr: "ERROR: Disk full\n  at line 3\n" },
        ["It ended with exit code 1: ERROR: Disk full at line 3", BY_HAND[tool]],
      ],
      ["an error from Entra", tool, { code: 1, stderr: `ERROR: ${AADSTS}` }, [`ERROR: ${AADSTS}`, LOGIN[tool]]],
      // Names that look like those of the program or its module.
      ...["firma.az", "az", "Az.Accounts.example"].map((
        tenant,
      ): [string, ToolName, Partial<CommandOutput>, readonly [string, string]] => [
        `an error from Entra about the tenant "${tenant}"`,
        tool,
        { code: 1, stderr: `ERROR: AADSTS90002: Tenant '${tenant}' not found. Check the tenant` },
        [`ERROR: AADSTS90002: Tenant '${tenant}' not found. Check the tenant`, LOGIN[tool]],
      ]),
      [
        "an error about names that end like the program's name",
        tool,
        { code: 1, stderr: "ERROR: Subscription 'team-az' not found in 'firma.az: not found'" },
        [
          "It ended with exit code 1: ERROR: Subscription 'team-az' not found in 'firma.az: not found'",
          BY_HAND[tool],
        ],
      ],
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
      `the error of an older version, ${stderr}`,
      "azd",
      { code: 1, stderr: `${stderr}\n` },
      [SIGNED_OUT + stderr, LOGIN.azd],
    ]),
    [
      "JSON lines with messages and errors, of which the first error is used",
      "azd",
      {
        code: 1,
        stderr: line({ type: "consoleMessage", data: { message: "\nWARNING: old" } }) + line({ error: "" }) +
          line({ error: "not logged in, run `azd auth login` to login" }) + line({ error: "another" }),
      },
      [`${SIGNED_OUT}not logged in, run \`azd auth login\` to login`, LOGIN.azd],
    ],
    [
      "JSON lines with messages only, which are all used",
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
      ["noise ERROR: reauthentication required, run `azd auth login` later", LOGIN.azd],
    ],
    [
      "a notice before its error",
      "azd",
      {
        code: 1,
        stderr: line({ type: "consoleMessage", data: { message: "\nWARNING: your version of azd is out of date\n" } }) +
          line({
            type: "consoleMessage",
            data: { message: "\nERROR: not logged in, run `azd auth login` to login\n" },
          }),
      },
      [
        `${SIGNED_OUT}WARNING: your version of azd is out of date ERROR: not logged in, run \`azd auth login\` to login`,
        LOGIN.azd,
      ],
    ],
    [
      "a notice in JSON before an error in plain text",
      "azd",
      {
        code: 1,
        stderr: line({ type: "consoleMessage", data: { message: "WARNING: out of date" } }) +
          "ERROR: fetching token: not logged in\n",
      },
      [`${SIGNED_OUT}WARNING: out of date ERROR: fetching token: not logged in`, LOGIN.azd],
    ],
    [
      "a notice before an error in another member",
      "azd",
      {
        code: 1,
        stderr: line({ type: "consoleMessage", data: { message: "WARNING: out of date" } }) +
          line({ error: `fetching token: ${AADSTS}` }),
      },
      [`fetching token: ${AADSTS}`, LOGIN.azd],
    ],
    [
      "JSON lines without a known member",
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
      ].map((message) => [message, message, [SIGNED_OUT + message.replace(/\.$/, ""), LOGIN.pwsh]]),
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
      [situation, message, expected],
    ): [string, ToolName, Partial<CommandOutput>, readonly [string, string]][] => [
      [situation, "pwsh", { code: 1, stdout: `noise {x}\r\n${JSON.stringify({ error: message })}\r\n` }, expected],
      [`${situation}, on stderr`, "pwsh", { code: 1, stderr: `${message}\r\n` }, expected],
    ]),
    [
      "no account is signed in, as CLIXML with colours",
      "pwsh",
      {
        code: 1,
        stderr: cliXml(
          ["warning", "Unable to acquire token_x000D__x000A_"],
          [
            "Error",
            "_x001B_[31;1mGet-AzAccessToken: _x001B_[31;1mRun Connect-AzAccount to login._x001B_[0m_x000D__x000A_",
          ],
        ),
      },
      [`${SIGNED_OUT}Get-AzAccessToken: Run Connect-AzAccount to login`, LOGIN.pwsh],
    ],
    [
      "an error as CLIXML, with several lines and escapes",
      "pwsh",
      {
        code: 1,
        stderr: cliXml(["Error", "A &lt;b&gt; &amp;quot; _x005F_x0041_ 'c'_x000D__x000A_"], [
          "Error",
          "_x0009_at line 3",
        ]),
      },
      [`It ended with exit code 1: A <b> &quot; _x0041_ 'c' at line 3`, BY_HAND.pwsh],
    ],
    [
      "a warning as CLIXML, and no error",
      "pwsh",
      { code: 1, stderr: cliXml(["warning", "_x001B_[33;1mDisk full_x001B_[0m"]) },
      ["It ended with exit code 1: Disk full", BY_HAND.pwsh],
    ],
    [
      "a managed identity is signed in, and the call is for another tenant",
      "az",
      {
        code: 1,
        stderr: "ERROR: For managed identity account, getting access token for non-current tenants is not supported. " +
          "The specified tenant must be the current tenant a-tenant\n",
      },
      [
        "ERROR: For managed identity account, getting access token for non-current tenants is not supported. " +
        "The specified tenant must be the current tenant a-tenant",
        "Leave out the tenant, or sign in with an account of that tenant",
      ],
    ],
  ];
  for (const [situation, tool, output, [cause, nextStep]] of rows) {
    test(`${tool}: ${situation}`, async () => {
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
  const medium = "aB3~dE6.gH9jK2mN5pQ8s";
  for (
    const [content, stderr, secret] of [
      ["an opaque secret, in lines of 48 characters", `ERROR: Refused: ${inLines}`, opaque],
      ["an opaque secret, with Windows line endings", `ERROR: Refused: ${inLines.replaceAll("\n", "\r\n")}`, opaque],
      ["a client secret with its name", `ERROR: POST client_id=an-app&client_secret=${short}&scope=x failed`, short],
      ["an access token with its name", `ERROR: AccessToken: ${short} was refused by Get-AzAccessToken`, short],
      ["a client secret in JSON", `ERROR: {"client_secret": "${short}"} was refused`, short],
      ["a password with its name", `ERROR: --password=${short} was refused`, short],
      ["a refresh token with its name", `ERROR: refresh_token=${short} has expired`, short],
      ["an Authorization header", `ERROR: Authorization: Bearer ${medium} was refused`, medium],
    ] as const
  ) {
    for (const tool of ["az", "azd", "pwsh"] as const) {
      test(`${tool}: the error does not contain ${content}`, async () => {
        const message = await failureWith(tool, { code: 1, stderr });
        assert.match(message, /\[redacted\]/);
        const pieces = secret.match(/.{1,8}/g)!;
        assert.deepEqual(pieces.filter((piece) => message.includes(piece)), []);
      });
    }
  }

  const ID = "11111111-2222-3333-4444-555555555555";
  for (
    const [link, shown] of [
      ["https://github.com/Azure/azure-cli/issues", "https://github.com/Azure/azure-cli/issues"],
      [
        "https://github.com/Azure/azure-cli/blob/dev/src/azure-cli/azure/cli/command_modules/profile/_help.py",
        "https://github.com/Azure/azure-cli/blob/dev/src/azure-cli/azure/cli/command_modules/profile/_help.py",
      ],
      [
        `https://management.azure.com/subscriptions/${ID}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v?api-version=1`,
        `https://management.azure.com/subscriptions/${ID}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v?api-version=[redacted]`,
      ],
      [
        "https://learn.microsoft.com/troubleshoot/entra/error-code-50020-user-account-identity-provider-does-not-exist-in-tenant",
        "https://learn.microsoft.com/troubleshoot/entra/error-code-50020-user-account-identity-provider-does-not-exist-in-tenant",
      ],
      ["https://a.example:8443/b", "https://a.example:8443/b"],
      ["https://a.example", "https://a.example"],
      ["https://a.example/?", "https://a.example/?"],
      ["https://a.example/b?a=1&b=&secret#", "https://a.example/b?a=[redacted]&b=&[redacted]"],
      ["https://a.example/b?a=1=2?c#d?e=f#g", "https://a.example/b?a=[redacted]#[redacted]"],
      ["https://a.example#access_code=s3cret", "https://a.example#[redacted]"],
      ["https://jo:s3cret@a.example/b@c", "https://[redacted]@a.example/b@c"],
      ["https://jo@s3cret@a.example", "https://[redacted]@a.example"],
      ["HTTPS://s3cret@a.example\\b@c", "HTTPS://[redacted]@a.example/b@c"],
      ["postgres://jo:s3cret@a.example/db", "postgres://[redacted]@a.example/db"],
      ['"https://a.example/b?c=s3cret"', '"https://a.example/b?c=[redacted]"'],
      ["<https://a.example/b#s3cret>", "<https://a.example/b#[redacted]>"],
      [`https://a.example/${opaque}/b`, "https://a.example/[redacted]/b"],
      [`https://a.example/b/eyJhbGciOi.eyJhdWQi.${short}`, "https://a.example/b/[redacted]"],
      [`https://${opaque}/b`, "https://[redacted]/b"],
      [`https://a.example/b?c=${inLines}`, "https://a.example/b?c=[redacted]"],
    ]
  ) {
    test(`the link ${link!.slice(0, 120)} is shown without its secrets`, async () => {
      for (const tool of ["az", "azd", "pwsh"] as const) {
        const message = await failureWith(tool, { code: 1, stderr: `ERROR: See ${link} and try` });
        assert.equal(message, `It ended with exit code 1: ERROR: See ${shown} and try: ${BY_HAND[tool]}`);
      }
    });
  }

  for (const part of ['{\\"', '{"\\"', "{", '{"accessToken":', '{"token":{}']) {
    test(`a megabyte of the repeated text ${part} is rejected`, async () => {
      for (const tool of ["az", "azd", "pwsh"] as const) {
        const stdout = part.repeat(1_000_000 / part.length);
        assert.match(await failureWith(tool, { code: 0, stdout }), /is not the JSON of a token/);
      }
    });
  }

  // Parsing from each beginning to the end of the output would block the program for minutes.
  for (const [kind, beginning, end] of [["that never end", '{\\"', ""], ["of a token", '{\\"{TOKEN}', '"}']] as const) {
    test(`a megabyte of the beginnings of objects ${kind} is rejected`, async () => {
      for (const [tool, member] of [["az", "accessToken"], ["azd", "token"], ["pwsh", "token"]] as const) {
        const unit = beginning.replace("{TOKEN}", `"${member}`);
        const stdout = unit.repeat(1_000_000 / unit.length) + end;
        assert.match(await failureWith(tool, { stdout }), /^Its output is not the JSON of a token/);
      }
    });
  }

  test("a long message is truncated, and becomes a single line", async () => {
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
          PRODUCTS[tool]
        }: It accepts claims at sign-in only: Run "${command}"`,
      );
      assert.equal(error.outcome, "not-for-this-call");
      assert.equal(programs.started.length, 0);
    });
  }

  test("azd supports claims, and its token replaces the cached one", async () => {
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
  /** Formats a time in the local time zone. */
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
    const [format, tool, output] of [
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
      ["in colours after a warning", "az", {
        stdout:
          `WARNING: {not} JSON \x1b[33m{"a":{"b":1}}\x1b[0m\n\x1b[1m{\n  \x1b[94m"accessToken"\x1b[39m: "of az",\n  ` +
          `"expires_on": ${end / 1000}, "more": {"a": "}"}\n\x1b[0m}\nA new version {1.2} is there.\n`,
      }],
      ["on one line with a warning", "azd", { stdout: `WARNING: old ${ANSWERS.azd(end).stdout}\x1b[0m` }],
      ["unix seconds over several lines", "pwsh", {
        stdout: JSON.stringify({ token: "of pwsh", expiresOn: end / 1000 }, null, 2).replaceAll("\n", "\r\n"),
      }],
    ] as [string, ToolName, Partial<CommandOutput>][]
  ) {
    test(`${tool}: ${format}`, async () => {
      const { token, expiresOnTimestamp } = await createDesk(tool, () => output).credential.getToken(SCOPE);
      assert.deepEqual([token, expiresOnTimestamp], [`of ${tool}`, end]);
    });
  }

  for (
    const [defect, tool, output] of [
      ["no expiry time", "az", az({})],
      ["an expiry time that is null", "az", az({ expires_on: null, expiresOn: null })],
      ["an expiry time that is not available", "az", az({ expiresOn: "N/A" })],
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
      // ConvertTo-Json writes a date in these ways: in PowerShell 7, in 5.1, and in 5.1 if the date has added members.
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
    test(`${tool}: ${defect} is rejected, with and without warnings`, async () => {
      const missing = / token/.test(defect) ? TOKEN_MISSING : TIME_MISSING;
      for (const stderr of ["", WARNINGS]) {
        assert.equal(await failureWith(tool, { ...output, stderr }), `${missing[tool]}: ${BY_HAND[tool]}`);
      }
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
  test("a call can be for any tenant if the credential has no tenantId", async () => {
    const { credential, programs } = createDesk("az");
    for (const tenantId of ["a.example", "b.example"]) await credential.getToken(SCOPE, { tenantId });
    await credential.getToken(SCOPE, { tenantId: "A.example" });
    assert.deepEqual(programs.started.map(({ args }) => args.at(-1)), ["a.example", "b.example"]);
  });

  for (const tool of ["az", "azd", "pwsh"] as const) {
    test(`${tool}: a call can be for the credential's tenant and those in additionallyAllowedTenants only`, async () => {
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

  test("getToken rejects if the subscription is in another tenant", async () => {
    const options = { subscription: "my sub", tenantId: "another" };
    const error = await failureOf(createDesk("az", undefined, options).credential.getToken(SCOPE));
    assert.equal(
      error.message,
      'AzureCliCredential: Cannot get a token from Azure CLI: The subscription "my sub" is in another tenant than "another": ' +
        'Give the id of its tenant as "tenantId", or leave out one of the two',
    );
    const withoutTenant = () => ({ stdout: JSON.stringify({ accessToken: "a", expires_on: (NOW + HOUR) / 1000 }) });
    const other = await failureOf(createDesk("az", withoutTenant, options).credential.getToken(SCOPE));
    assert.match(other.message, /is in another tenant/);
    const same = createDesk("az", undefined, { ...options, tenantId: "A-Tenant" });
    assert.equal((await same.credential.getToken(SCOPE)).token, "of az");
  });
});

describe("az before version 2.76, which rejects the argument --tenant for some accounts", () => {
  const REFUSALS = [
    "ERROR: Tenant shouldn't be specified for managed identity account",
    "ERROR: Tenant shouldn't be specified for Cloud Shell account",
  ];
  const tokenOutput = (tenant?: unknown, more = {}) => ({
    stdout: JSON.stringify({ accessToken: "of az", expires_on: (NOW + HOUR) / 1000, tenant, ...more }),
  });
  /** Creates a credential whose az rejects `--tenant` with the message, and has the output without that argument. */
  function createOldAz(stderr: string, output: Partial<CommandOutput>, options: Parameters<typeof createDesk>[2] = {}) {
    return createDesk(
      "az",
      ({ args }) => args.includes("--tenant") ? { code: 1, stderr: `\x1b[91m${stderr}\x1b[0m\n` } : output,
      options,
    );
  }

  for (const refusal of REFUSALS) {
    test(`is started again without it, and the token is used if it is of that tenant: ${refusal}`, async () => {
      for (const tenant of [TENANT, TENANT.toUpperCase()]) {
        const { credential, programs } = createOldAz(refusal, tokenOutput(tenant));
        const { token, expiresOnTimestamp } = await credential.getToken(SCOPE, { tenantId: TENANT });
        assert.deepEqual([token, expiresOnTimestamp], ["of az", NOW + HOUR]);
        const [first, second] = programs.started.map(({ args }) => args);
        assert.equal(programs.started.length, 2);
        assert.deepEqual(first, [...second!, "--tenant", TENANT]);
        assert.deepEqual(programs.started[0]!.options.env, programs.started[1]!.options.env);
      }
    });

    for (
      const [content, output] of [
        ["another tenant", tokenOutput("22222222-2222-2222-2222-222222222222")],
        ["a tenant that begins with the requested one", tokenOutput(`${TENANT}0`)],
        ["no tenant", tokenOutput()],
        ["a tenant that is null", tokenOutput(null)],
        ["a tenant that is not a string", tokenOutput([TENANT])],
        ["the tenant in another member", tokenOutput(undefined, { tenantId: TENANT, nested: { tenant: TENANT } })],
      ] as const
    ) {
      test(`a token with ${content} in the second output is not used: ${refusal}`, async () => {
        const { credential, programs } = createOldAz(refusal, output);
        for (let calls = 1; calls <= 2; calls++) {
          const error = await failureOf(credential.getToken(SCOPE, { tenantId: TENANT }));
          assert.equal(error.name, "CredentialUnavailableError");
          assert.equal(error.outcome, "not-for-this-call");
          assert.equal(
            error.message,
            `AzureCliCredential: Cannot get a token from Azure CLI: A managed identity is signed in, whose tenant is not "${TENANT}": ` +
              "Give the id of its tenant, or sign in with an account of that tenant",
          );
          assert.equal(programs.started.length, 2 * calls);
        }
      });
    }
  }

  test("the cached token of the account's own tenant is not used for another tenant", async () => {
    const { credential } = createOldAz(REFUSALS[0]!, tokenOutput("a-tenant"));
    assert.equal((await credential.getToken(SCOPE)).token, "of az");
    assert.equal((await failureOf(credential.getToken(SCOPE, { tenantId: TENANT }))).outcome, "not-for-this-call");
  });

  test("the error is that of the second process, if that fails", async () => {
    const { credential } = createOldAz(REFUSALS[0]!, { code: 1, stderr: `ERROR: ${AADSTS}` });
    const error = await failureOf(credential.getToken(SCOPE, { tenantId: TENANT }));
    assert.match(error.message, /AADSTS50076/);
    assert.equal(error.outcome, "inconclusive");
  });

  test("is not started again after another failure, or if the message is only a warning", async () => {
    for (
      const output of [
        { code: 1, stderr: "ERROR: The specified tenant must be the current tenant" },
        { ...ANSWERS.az(), stderr: `WARNING: ${REFUSALS[0]}` },
      ]
    ) {
      const { credential, programs } = createDesk("az", () => output);
      await credential.getToken(SCOPE, { tenantId: TENANT }).catch(() => {});
      assert.equal(programs.started.length, 1);
    }
  });

  test("both processes share one time limit", async () => {
    const clock = createFakeClock(NOW);
    const { credential, programs } = createDesk(
      "az",
      async (started, index) => {
        if (index > 0) return await hang(started);
        await clock.sleep(10_000);
        return { code: 1, stderr: REFUSALS[0] };
      },
      { clock },
    );
    const failing = failureOf(credential.getToken(SCOPE, { tenantId: TENANT }));
    await programs.untilStarted(1);
    await clock.advance(10_000);
    await programs.untilStarted(2);
    await clock.advance(4999);
    assert.equal(programs.started[1]!.options.signal!.aborted, false);
    await clock.advance(1);
    assert.match((await failing).message, /did not end within the 15000 ms of "processTimeoutInMs", and was stopped/);
    assert.equal(programs.started[1]!.options.signal!.aborted, true);
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
      test(`${tool} is stopped after the ${ms} ms of "${option}", which the error names`, async () => {
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
