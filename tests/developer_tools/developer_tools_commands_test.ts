// How the developer tools are started: the program, its arguments, its working directory and its environment variables.
import { AzureCliCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failureOf, SCOPE, TENANT } from "../support/service.ts";
import {
  ANSWERS,
  createDesk,
  createPrograms,
  CREDENTIALS,
  deskOptions,
  noProgram,
  type Started,
  type ToolName,
  TOOLS,
} from "../support/developer_tools/tool.ts";

const OTHER = "other.example";
const NAMES = ["az", "azd", "pwsh"] as const;
const RESOURCE = "https://storage.azure.com";

type Options = NonNullable<Parameters<typeof createDesk>[2]>;

interface ToolRequest extends Options {
  readonly scopes?: string | string[];
  readonly call?: { tenantId?: string; claims?: string };
}

/** Gets a token once, and returns how the tool was started. */
async function startOf(tool: ToolName, { scopes = SCOPE, call = {}, ...options }: ToolRequest = {}): Promise<Started> {
  const { credential, programs } = createDesk(tool, () => ANSWERS[tool](), options);
  await credential.getToken(scopes, call);
  assert.equal(programs.started.length, 1);
  return programs.started[0]!;
}

/** Returns the script that is passed to PowerShell. */
function scriptIn({ args }: Started): string {
  const text = atob(args.at(-1)!);
  assert.ok(/^([^\0]\0)+$/.test(text), "UTF-16, the low byte first");
  return text.replaceAll("\0", "");
}

describe("the arguments", () => {
  const az = (resource: string, ...more: string[]) => [
    ...["account", "get-access-token", "--output", "json", "--only-show-errors", "--resource", resource],
    ...more,
  ];
  // With the values as separate arguments, azd would request the list of its extensions.
  const azd = (scope: string, ...more: string[]) => [
    ...["auth", "token", "--output=json", "--no-prompt", `--scope=${scope}`],
    ...more,
  ];
  for (
    const [input, tool, given, args] of [
      ["a scope", "az", {}, az(RESOURCE)],
      ["a tenant of the options", "az", { tenantId: TENANT }, az(RESOURCE, "--tenant", TENANT)],
      ["a tenant of the call", "az", { call: { tenantId: OTHER } }, az(RESOURCE, "--tenant", OTHER)],
      [
        "a scope with two slashes",
        "az",
        { scopes: "https://vault.azure.net//.default" },
        az("https://vault.azure.net/"),
      ],
      ["a scope without .default", "az", { scopes: "https://vault.azure.net" }, az("https://vault.azure.net")],
      ["a scope that is not a URL", "az", { scopes: "api://a_b.c-d:1/.default" }, az("api://a_b.c-d:1")],
      ["a subscription", "az", { subscription: "My sub_1.a-b" }, az(RESOURCE, "--subscription", "My sub_1.a-b")],
      ["an empty subscription, which is ignored", "az", { subscription: "" }, az(RESOURCE)],
      // az rejects a subscription beside a tenant.
      [
        "a subscription and its tenant",
        "az",
        { subscription: "s", tenantId: "a-tenant" },
        az(RESOURCE, "--subscription", "s"),
      ],
      ["a scope", "azd", {}, azd(SCOPE)],
      ["several scopes", "azd", { scopes: ["b/.default", "a/.default"] }, azd("a/.default", "--scope=b/.default")],
      ["a tenant of the options", "azd", { tenantId: TENANT }, azd(SCOPE, `--tenant-id=${TENANT}`)],
      ["a tenant of the call", "azd", { call: { tenantId: OTHER } }, azd(SCOPE, `--tenant-id=${OTHER}`)],
      // The claims as base64 of UTF-8.
      ["claims", "azd", { call: { claims: '{"a":"ü?>"}' } }, azd(SCOPE, "--claims=eyJhIjoiw7w/PiJ9")],
    ] as [string, ToolName, ToolRequest, string[]][]
  ) {
    test(`${tool}: ${input}`, async () => {
      const started = await startOf(tool, given);
      assert.equal(started.command, `/usr/bin/${tool}`);
      assert.deepEqual(started.args, args);
      assert.ok(!started.options.windowsVerbatimArguments);
    });
  }

  test("pwsh: the script contains no value of the request", async () => {
    const started = await startOf("pwsh", { tenantId: TENANT });
    assert.deepEqual(started.args.slice(0, -1), [
      "-NoProfile",
      "-NonInteractive",
      "-OutputFormat",
      "Text",
      "-EncodedCommand",
    ]);
    const script = scriptIn(started);
    assert.doesNotMatch(script, /storage|1111/);
    assert.equal(scriptIn(await startOf("pwsh", { scopes: "api://other/.default" })), script);
    for (
      const part of [
        "$ErrorActionPreference = 'Stop'",
        "Import-Module Az.Accounts -MinimumVersion 2.2.0",
        "ResourceUrl = $env:AZWEB_IDENTITY_RESOURCE",
        "TenantId = $env:AZWEB_IDENTITY_TENANT",
        "-ge [version]'2.17.0' -and $module.Version -lt [version]'5.0.0'",
        "AsSecureString",
        "[System.Security.SecureString]",
        "ToUnixTimeSeconds()",
      ]
    ) {
      assert.ok(script.includes(part), part);
    }
  });
});

describe("the variables", () => {
  const env = { PATH: "/usr/bin", HOME: "/home/jo", A: "1", BINDING: {} };
  const strings = { PATH: "/usr/bin", HOME: "/home/jo", A: "1" };
  const powershell = { AZWEB_IDENTITY_RESOURCE: RESOURCE, AZWEB_IDENTITY_TENANT: "", POWERSHELL_UPDATECHECK: "Off" };
  for (
    const [tool, given, own, passed] of [
      ["az", {}, { AZURE_CORE_NO_COLOR: "true" }, { PATH: "/bin", HOME: "/home/jo" }],
      ["azd", {}, { NO_COLOR: "true" }, { PATH: "/bin" }],
      ["pwsh", {}, powershell, { PATH: "/bin" }],
      ["pwsh", { tenantId: TENANT }, { ...powershell, AZWEB_IDENTITY_TENANT: TENANT }, { PATH: "/bin" }],
    ] as [ToolName, ToolRequest, Record<string, string>, Record<string, string>][]
  ) {
    test(`${tool} gets only the variables of options.env and those that the library adds`, async () => {
      const { options } = await startOf(tool, { env, ...given });
      assert.deepEqual(options.env, { ...strings, ...own });
      assert.equal(options.clearEnv, true);
    });

    test(`${tool} inherits the variables of the process if options.env is not set, besides those that the library adds`, async () => {
      const { run, started } = createPrograms(() => ANSWERS[tool]());
      const { env: _, runtime, ...options } = deskOptions({ run });
      const read = (name: string) => ({ PATH: "/bin", HOME: "/home/jo", A: "1" })[name];
      await new TOOLS[tool]({ ...options, runtime: { ...runtime, env: read }, ...given as object }).getToken(SCOPE);
      assert.deepEqual(started[0]!.options.env, { ...passed, ...own });
      assert.equal(started[0]!.options.clearEnv, false);
    });
  }
});

describe("the working directory", () => {
  for (
    const [system, given, cwd] of [
      ["Linux", {}, "/"],
      ["macOS", { platform: "darwin" }, "/"],
      ["Windows", windows({ SystemRoot: "D:\\Win" }), "D:\\Win"],
      ["Windows, with a separator at the end", windows({ SystemRoot: "D:\\Win\\" }), "D:\\Win"],
      ["Windows, with SYSTEMROOT in capitals", windows({ SYSTEMROOT: "D:\\Win" }), "D:\\Win"],
      ["Windows without SystemRoot", windows({}), "C:\\Windows"],
      ["Windows with an empty SystemRoot", windows({ SystemRoot: "" }), "C:\\Windows"],
      ["Windows with a relative SystemRoot", windows({ SystemRoot: "Windows" }), "C:\\Windows"],
      ["Windows with a network share as SystemRoot", windows({ SystemRoot: "\\\\evil\\share" }), "C:\\Windows"],
      ["Windows with a variable in SystemRoot", windows({ SystemRoot: "C:\\%EVIL%" }), "C:\\Windows"],
      ["Windows with a quotation mark in SystemRoot", windows({ SystemRoot: 'C:\\a"b' }), "C:\\Windows"],
    ] as [string, ToolRequest, string][]
  ) {
    test(system, async () => {
      assert.equal((await startOf("azd", given)).options.cwd, cwd);
    });
  }

  function windows(variables: Record<string, string>): ToolRequest {
    return { platform: "win32", env: { Path: "C:\\bin", ...variables } };
  }
});

/** Returns the paths of the programs that are tried on a machine that has none of them. */
async function triedOn(tool: ToolName, options: Options): Promise<string[]> {
  const { credential, programs } = createDesk(tool, () => noProgram(), options);
  const error = await failureOf(credential.getToken(SCOPE));
  assert.equal(error.name, "CredentialUnavailableError");
  return programs.started.map(({ command }) => command);
}

describe("PATH on Linux", () => {
  for (
    const [content, PATH, folders] of [
      ["folders, in their order", "/b:/a", ["/b/", "/a/"]],
      ["a folder twice, which is searched once", "/a:/b:/a", ["/a/", "/b/"]],
      ["folders with a separator at the end", "/a/:/b//", ["/a/", "/b/"]],
      ["only the root folder", "/", ["/"]],
      ["relative folders, which are ignored", ":.:./bin:bin:../bin:~/bin:/a:", ["/a/"]],
      ["quoted folders, which are relative", '"/a b":"bin":".":/c', ["/c/"]],
      ["folders with quotation marks in their names", '/a"b":/"c":/d', ['/a"b"/', '/"c"/', "/d/"]],
      ["a folder with a space in its name", "/with space:/a", ["/with space/", "/a/"]],
      ["a folder with a space at the end, which is part of its name", "/a :/a", ["/a /", "/a/"]],
      ["a folder with a space at the start, which makes it relative", " /a:/b", ["/b/"]],
    ] as [string, string, string[]][]
  ) {
    for (const tool of ["az", "azd"] as const) {
      test(`${tool}: PATH has ${content}`, async () => {
        const tried = await triedOn(tool, { env: { PATH, HOME: "/home/jo" } });
        assert.deepEqual(tried, folders.map((folder) => folder + tool));
      });
    }
  }

  test("pwsh in every folder, and then powershell", async () => {
    const tried = await triedOn("pwsh", { env: { PATH: "/a:/b" } });
    assert.deepEqual(tried, ["/a/pwsh", "/b/pwsh", "/a/powershell", "/b/powershell"]);
  });

  for (const code of ["ENOENT", "EACCES", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ENOEXEC", "ETXTBSY"]) {
    test(`the next folder is tried if the program cannot be started because of ${code}`, async () => {
      const { credential, programs } = createDesk("az", (_, index) => index ? ANSWERS.az() : noProgram(code), {
        env: { PATH: "/a:/b:/c" },
      });
      assert.equal((await credential.getToken(SCOPE)).token, "of az");
      assert.deepEqual(programs.started.map(({ command }) => command), ["/a/az", "/b/az"]);
    });
  }

  test("the error says why the program cannot be started if no folder has another one", async () => {
    const { credential, programs } = createDesk(
      "az",
      (_, index) => noProgram(["ENOENT", "ELOOP", "ETXTBSY", "EACCES"][index]),
      { env: { PATH: "/a:/b:/c:/d" } },
    );
    assert.equal(
      (await failureOf(credential.getToken(SCOPE))).message,
      'AzureCliCredential: Cannot get a token from Azure CLI: "az account get-access-token" could not be run: spawn ELOOP: ' +
        "Run it by hand to see whether it works",
    );
    assert.deepEqual(programs.started.map(({ command }) => command), ["/a/az", "/b/az", "/c/az", "/d/az"]);
  });

  test("an error that cannot be read is a program that cannot be run", async () => {
    const { proxy: closed, revoke } = Proxy.revocable(new Error("closed"), {});
    revoke();
    const run = () => Promise.reject(closed);
    const credential = new AzureCliCredential({ env: { PATH: "/a", HOME: "/home/jo" }, runtime: { run } });
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(error.name, "CredentialUnavailableError");
    assert.match(error.message, /"az account get-access-token" could not be run: It gave no reason: /);
  });

  for (const output of [undefined, null, {}, { code: 0, stdout: "{}" }, { code: 0, stdout: 5, stderr: "" }]) {
    test(`an output of runtime.run that is malformed is named: ${JSON.stringify(output)}`, async () => {
      const run = () => Promise.resolve(output as never);
      const credential = new AzureCliCredential({ env: { PATH: "/a", HOME: "/home/jo" }, runtime: { run } });
      const error = await failureOf(credential.getToken(SCOPE));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(
        error.message,
        /could not be run: "runtime.run" must return an object with "code", "stdout" and "stderr": /,
      );
    });
  }

  test("after a program was started and wrote too much, the other folders are not searched", async () => {
    const { credential, programs } = createDesk("az", () => new RangeError("It wrote more than a megabyte"), {
      env: { PATH: "/a:/b" },
    });
    assert.match(
      (await failureOf(credential.getToken(SCOPE))).message,
      /could not be run: It wrote more than a megabyte:/,
    );
    assert.equal(programs.started.length, 1);
  });

  for (
    const [PATH, message] of [
      [
        "bin:.",
        'Cannot get a token from Azure CLI: No folder of PATH has the program "az": Install it, see https://learn.microsoft.com/cli/azure/install-azure-cli',
      ],
      [
        "",
        'Cannot get a token from Azure CLI: The option "env" has no PATH: Add it: the variables of the process are ignored beside that option',
      ],
    ] as const
  ) {
    test(`with the PATH "${PATH}" no program is started, and the error says why`, async () => {
      const { credential, programs } = createDesk("az", undefined, { env: { PATH } });
      assert.equal((await failureOf(credential.getToken(SCOPE))).message, `AzureCliCredential: ${message}`);
      assert.equal(programs.started.length, 0);
    });
  }

  test("the next step for a process without PATH differs from that for options without PATH", async () => {
    const { run, started } = createPrograms(() => ANSWERS.az());
    const { env: _, runtime, ...options } = deskOptions({ run });
    const credential = new TOOLS.az({ ...options, runtime: { ...runtime, env: () => undefined } });
    assert.match(
      (await failureOf(credential.getToken(SCOPE))).message,
      /: The variable PATH is not set, or cannot be read: Set it to the folders that programs are in$/,
    );
    assert.equal(started.length, 0);
  });
});

describe("PATH on Windows", () => {
  /** Files of a machine on which every path exists. */
  const everything = new Proxy({} as Record<string, string>, { has: () => true, get: () => "" });
  const cmd = "C:\\Windows\\System32\\cmd.exe";

  test("starts .exe and .com directly, and .cmd and .bat by cmd.exe, one folder after another", async () => {
    const tried = await triedOn("az", { platform: "win32", env: { Path: "C:\\a;D:/b\\" }, files: everything });
    assert.deepEqual(tried, ["C:\\a\\az.exe", "C:\\a\\az.com", cmd, cmd, "D:/b\\az.exe", "D:/b\\az.com", cmd, cmd]);
  });

  test("PowerShell is never started as a batch file", async () => {
    const tried = await triedOn("pwsh", { platform: "win32", env: { Path: "C:\\a;C:\\b" }, files: everything });
    assert.deepEqual(tried, ["C:\\a\\pwsh.exe", "C:\\b\\pwsh.exe", "C:\\a\\powershell.exe", "C:\\b\\powershell.exe"]);
  });

  for (
    const [content, Path, folders] of [
      ["relative folders, which are ignored", ".;bin;\\bin;C:bin;;C:\\a", ["C:\\a\\"]],
      ["network shares, which are ignored", "\\\\evil\\share;//evil/share;\\\\?\\C:\\x;C:\\a", ["C:\\a\\"]],
      ["a quoted folder", '"C:\\a b";C:\\c', ["C:\\a b\\", "C:\\c\\"]],
      ["folders with spaces around them", ' C:\\a b ; "C:\\c" ', ["C:\\a b\\", "C:\\c\\"]],
      ["a quoted folder with a semicolon, which is ignored", '"C:\\a;b";C:\\c', ["C:\\c\\"]],
      ["a folder twice, which is searched once", "C:\\a;C:\\a", ["C:\\a\\"]],
    ] as [string, string, string[]][]
  ) {
    test(`pwsh: Path has ${content}`, async () => {
      const tried = await triedOn("pwsh", { platform: "win32", env: { Path } });
      const expected = ["pwsh", "powershell"].flatMap((name) => folders.map((folder) => `${folder}${name}.exe`));
      assert.deepEqual(tried, expected);
    });
  }

  const az = "C:\\Program Files\\Azure\\az.cmd";
  const Path = "C:\\Windows\\System32;C:\\Program Files\\Azure";

  test("a batch file is started by cmd.exe, with its full path in quotes", async () => {
    const { credential, programs } = createDesk("az", ({ command }) => command === cmd ? ANSWERS.az() : noProgram(), {
      platform: "win32",
      env: { Path, SystemRoot: "C:\\Windows" },
      files: { [az]: "" },
      subscription: "My sub",
    });
    assert.equal((await credential.getToken(SCOPE)).token, "of az");
    const { command, args, options } = programs.started.at(-1)!;
    assert.equal(command, cmd);
    assert.deepEqual(args, [
      "/d",
      "/s",
      "/v:off",
      "/c",
      `""${az}" "account" "get-access-token" "--output" "json" "--only-show-errors" "--resource" "${RESOURCE}" "--subscription" "My sub""`,
    ]);
    assert.equal(options.windowsVerbatimArguments, true);
    assert.equal(options.cwd, "C:\\Windows");
    // For folders without az, cmd.exe is not started, because its exit code would mean that az is not installed.
    assert.equal(programs.started.filter(({ command }) => command === cmd).length, 1);
  });

  for (const SystemRoot of ["", "Windows", "\\\\evil\\share", "C:\\%EVIL%"]) {
    test(`cmd.exe is taken from C:\\Windows if SystemRoot is "${SystemRoot}"`, async () => {
      const env = { Path: "C:\\a", SystemRoot, ComSpec: "C:\\evil\\cmd.exe" };
      const tried = await triedOn("az", { platform: "win32", env, files: everything });
      assert.deepEqual(tried.slice(2), [cmd, cmd]);
    });
  }

  for (
    const folder of [
      "C:\\Program Files (x86)\\Microsoft SDKs\\Azure\\CLI2\\wbin",
      "C:\\A & B\\bin",
      "C:\\a^b",
      "C:\\a|b<c>d",
      "C:\\Programme\\Größe, 'x'=y",
    ]
  ) {
    test(`the path of a batch file in ${folder} is quoted`, async () => {
      const path = `${folder}\\az.cmd`;
      const { credential, programs } = createDesk("az", ({ command }) => command === cmd ? ANSWERS.az() : noProgram(), {
        platform: "win32",
        env: { Path: `"${folder}"` },
        files: { [path]: "" },
      });
      assert.equal((await credential.getToken(SCOPE)).token, "of az");
      const { command, args } = programs.started.at(-1)!;
      assert.equal(command, cmd);
      assert.equal(
        args.at(-1),
        `""${path}" "account" "get-access-token" "--output" "json" "--only-show-errors" "--resource" "${RESOURCE}""`,
      );
    });
  }

  for (const folder of ["C:\\100%", "C:\\%PATH%", "C:\\wow!", 'C:\\a"b', "C:\\a\tb", "C:\\a\nb", "C:\\a\x7fb"]) {
    test(`a batch file in ${JSON.stringify(folder)} is ignored, because cmd.exe would interpret the path`, async () => {
      const tried = await triedOn("az", { platform: "win32", env: { Path: folder }, files: everything });
      assert.deepEqual(tried, [`${folder}\\az.exe`, `${folder}\\az.com`]);
    });
  }
});

describe("a value with special characters never becomes part of a command line", () => {
  const EVIL = [
    ..."$&|;<>(){}[]*?!%^~`'\"\\#@,=+".split("").map((character) => `a${character}b`),
    "--output",
    "-x",
    "/c",
    "$(id)",
    "é",
  ];

  for (const tool of NAMES) {
    test(`${tool}: a scope`, async () => {
      for (const scope of EVIL) {
        const { credential, programs } = createDesk(tool);
        const error = await failureOf(credential.getToken(scope));
        const name = /["\\é]/.test(scope) ? "TypeError" : "CredentialUnavailableError";
        assert.equal(error.name, name, scope);
        if (name !== "TypeError") {
          assert.ok(
            error.message.startsWith(`${CREDENTIALS[tool]}: Cannot get a token from Azure `) &&
              error.message.endsWith(
                `: ${JSON.stringify(scope)} cannot be part of a command line: Use letters, digits and "-_.:/" only`,
              ),
            error.message,
          );
        }
        assert.equal(programs.started.length, 0);
      }
      const { credential, programs } = createDesk(tool);
      await failureOf(credential.getToken([SCOPE, "a\nb"]));
      await failureOf(credential.getToken([SCOPE, "a;b"]));
      assert.equal(programs.started.length, 0);
    });

    test(`${tool}: a tenant`, async () => {
      for (const tenantId of [...EVIL.filter((text) => !text.startsWith("-")), "a b", "a_b", "a/../b"]) {
        assert.throws(() => new TOOLS[tool]({ tenantId }), { name: "TypeError", message: /^Argument "tenantId"/ });
        const { credential, programs } = createDesk(tool);
        const error = await failureOf(credential.getToken(SCOPE, { tenantId }));
        assert.equal(error.name, "TypeError");
        assert.equal(programs.started.length, 0);
      }
    });

    test(`${tool}: a tenant that looks like an option`, async () => {
      for (const tenantId of ["--output", "-x"]) {
        for (const options of [{}, { tenantId }]) {
          const { credential, programs } = createDesk(tool, undefined, options);
          const error = await failureOf(credential.getToken(SCOPE, { tenantId }));
          assert.equal(error.name, "CredentialUnavailableError");
          assert.match(error.message, /"-.*" cannot be part of a command line/);
          assert.equal(programs.started.length, 0);
        }
      }
    });
  }

  test("az: a subscription", () => {
    for (
      const subscription of [...EVIL, " ", " a", "a\nb", "a/b", "a:b"]
    ) {
      assert.throws(() => new AzureCliCredential({ subscription }), {
        name: "TypeError",
        message:
          'Option "subscription" must be the id of a subscription, or a name of letters, digits, spaces and "-_."',
      }, subscription);
    }
    new AzureCliCredential({ subscription: "11111111-2222-3333-4444-555555555555" });
  });

  test("claims may contain any characters, because they are passed as base64", async () => {
    const claims = `{"a":"$(id) & | ' \\" % \n"}`;
    const { args } = await startOf("azd", { call: { claims } });
    assert.match(args.at(-1)!, /^--claims=[\w+/=]+$/);
    assert.equal(atob(args.at(-1)!.replace("--claims=", "")), claims);
  });

  test("az and PowerShell accept one scope only", async () => {
    for (const tool of ["az", "pwsh"] as const) {
      const { credential, programs } = createDesk(tool);
      const error = await failureOf(credential.getToken(["a/.default", "b/.default"]));
      assert.match(
        error.message,
        /^Azure\w+Credential: Cannot get a token from Azure .*: It returns tokens for one scope at a time: Request one scope per call$/,
      );
      assert.equal(programs.started.length, 0);
    }
  });
});
