// Azure Arc: which key files the credential reads and sends, and which it rejects.
import { ChainedTokenCredential, type LogEvent, ManagedIdentityCredential } from "@azweb/identity";
import { createArcServer, StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CLIENT_ID,
  machineAnswer,
  machineOptions,
  MACHINES,
  OBJECT_ID,
  RESOURCE_ID,
  VAULT,
} from "../support/managed_identity/machine.ts";
import { type Asked, createService, failureOf, jsonAnswer } from "../support/service.ts";

const LINUX = "/var/opt/azcmagent/tokens/";
const WINDOWS = "C:\\ProgramData\\AzureConnectedMachineAgent\\Tokens\\";
const KEY = "CANARY-0123456789";

interface Setting {
  readonly platform?: string;
  readonly fileSize?: (path: string) => Promise<number>;
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly readTextFile?: (path: string) => Promise<string>;
  readonly log?: (event: LogEvent) => void;
  readonly identity?: object;
}

/** Creates a credential on a server with Azure Arc, whose agent is a function. Records which files are read. */
function arcOn(respond: (request: Asked, index: number) => unknown, setting: Setting = {}) {
  const { platform = "linux", env = {}, files = {}, log, identity, readTextFile, fileSize } = setting;
  const service = createService(respond);
  const reads: string[] = [];
  const options = machineOptions({
    env: { ...MACHINES["Azure Arc"], ...env },
    service,
    platform,
    readTextFile: (path) => {
      reads.push(path);
      if (readTextFile) return readTextFile(path);
      return path in files ? Promise.resolve(files[path]!) : Promise.reject(new Error(`ENOENT: ${path} ${KEY}`));
    },
  });
  const runtime = { ...options.runtime, ...fileSize && { fileSize } };
  const credential = new ManagedIdentityCredential({ ...options, runtime, ...identity, ...log && { log } });
  return { service, reads, credential, options };
}

/** Responds with a token to requests with this key, and with the challenge to others. */
function challenging(header: string | undefined, key: string = KEY) {
  return ({ headers }: Asked) =>
    headers.get("authorization") === `Basic ${key}`
      ? machineAnswer()
      : new Response("", { status: 401, headers: header === undefined ? {} : { "www-authenticate": header } });
}

describe("reads and sends the file that the challenge names", () => {
  for (
    const [what, header, path, setting] of [
      ["on Linux", `Basic realm=${LINUX}a.key`, `${LINUX}a.key`, {}],
      ["with a name as the agent creates it", `Basic realm=${LINUX}1f3e-9c_0.key`, `${LINUX}1f3e-9c_0.key`, {}],
      ["in quotes", `Basic realm="${LINUX}a.key"`, `${LINUX}a.key`, {}],
      ["with a challenge in lower case", `basic REALM=${LINUX}a.key`, `${LINUX}a.key`, {}],
      ["on Windows", `Basic realm=${WINDOWS}a.key`, `${WINDOWS}a.key`, { platform: "win32" }],
      [
        "on another drive on Windows",
        "Basic realm=D:\\Data\\AzureConnectedMachineAgent\\Tokens\\a.key",
        "D:\\Data\\AzureConnectedMachineAgent\\Tokens\\a.key",
        { platform: "win32", env: { ProgramData: "D:\\Data" } },
      ],
      [
        "with slashes on Windows",
        `Basic realm=${WINDOWS.replaceAll("\\", "/")}a.key`,
        `${WINDOWS}a.key`,
        { platform: "win32" },
      ],
      [
        "with both separators on Windows, some of them doubled",
        'Basic realm="C:/ProgramData\\\\AzureConnectedMachineAgent//Tokens\\/a.key"',
        `${WINDOWS}a.key`,
        { platform: "win32" },
      ],
      [
        "in another letter case on Windows",
        "Basic realm=c:\\PROGRAMDATA\\azureconnectedmachineagent\\tOKENS\\A-1f.KEY",
        `${WINDOWS}A-1f.KEY`,
        { platform: "win32" },
      ],
      [
        "with lower case and slashes in the variable ProgramData",
        "Basic realm=D:\\Data\\AzureConnectedMachineAgent\\Tokens\\a.key",
        "d:/data/\\AzureConnectedMachineAgent\\Tokens\\a.key",
        { platform: "win32", env: { ProgramData: "d:/data/" } },
      ],
    ] as const
  ) {
    test(what, async () => {
      const { credential, service, reads } = arcOn(challenging(header), { ...setting, files: { [path]: KEY } });
      assert.equal((await credential.getToken(VAULT)).token, "a-token");
      assert.deepEqual(reads, [path]);
      const [first, second] = service.requests;
      assert.equal(service.requests.length, 2);
      assert.equal(first!.headers.has("authorization"), false);
      assert.equal(second!.headers.get("authorization"), `Basic ${KEY}`);
      assert.equal(second!.headers.get("metadata"), "true");
      assert.equal(second!.url, first!.url);
    });
  }

  test("without the line ending after the key", async () => {
    for (const end of ["\n", "\r\n"]) {
      const files = { [`${LINUX}a.key`]: KEY + end };
      const { credential, service } = arcOn(challenging(`Basic realm=${LINUX}a.key`), { files });
      await credential.getToken(VAULT);
      assert.equal(service.requests[1]!.headers.get("authorization"), `Basic ${KEY}`);
    }
  });
});

describe("rejects a challenge that is not the agent's, without reading or sending a file", () => {
  const onWindows = { platform: "win32" };
  const challenges: readonly [string, string | undefined, Setting?][] = [
    ["no header", undefined],
    ["an empty header", ""],
    ["no realm", "Basic"],
    ["an empty realm", "Basic realm="],
    ["quotes around nothing", 'Basic realm=""'],
    ["another scheme", `Bearer realm=${LINUX}a.key`],
    ["another scheme before Basic", `Negotiate, Basic realm=${LINUX}a.key`],
    ["another scheme after Basic", `Basic realm=${LINUX}a.key, Negotiate`],
    ["another parameter", `Basic realm=${LINUX}a.key, charset="UTF-8"`],
    ["another folder", "Basic realm=/etc/ssl/private/server.key"],
    ["a parent folder", `Basic realm=${LINUX}../a.key`],
    ["a parent folder, and down again", `Basic realm=${LINUX}../tokens/a.key`],
    ["a subfolder", `Basic realm=${LINUX}more/a.key`],
    ["a folder with the same prefix", "Basic realm=/var/opt/azcmagent/tokens-of-mine/a.key"],
    ["the folder inside another folder", `Basic realm=/home/me${LINUX}a.key`],
    ["the folder itself", `Basic realm=${LINUX}`],
    ["a double slash", `Basic realm=${LINUX}/a.key`],
    ["another letter case", `Basic realm=${LINUX.toUpperCase()}a.key`],
    ["a path that is not absolute", "Basic realm=a.key"],
    ["a path that begins with a dot", "Basic realm=./a.key"],
    ["a URL", `Basic realm=file://${LINUX}a.key`],
    ["percent encoding", `Basic realm=${LINUX}..%2fa.key`],
    ["another extension", `Basic realm=${LINUX}a.pem`],
    ["no extension", `Basic realm=${LINUX}a`],
    ["a second extension", `Basic realm=${LINUX}a.key.txt`],
    ["an extension in capitals", `Basic realm=${LINUX}a.KEY`],
    ["an extension without a name", `Basic realm=${LINUX}.key`],
    ["a space in the name", `Basic realm=${LINUX}a b.key`],
    ["a quote in the name", `Basic realm="${LINUX}a".key"`],
    ["single quotes", `Basic realm='${LINUX}a.key'`],
    ["the folder of Linux on Windows", `Basic realm=${LINUX}a.key`, onWindows],
    ["the folder of Windows on Linux", `Basic realm=${WINDOWS}a.key`],
    ["a parent folder, on Windows", `Basic realm=${WINDOWS}..\\a.key`, onWindows],
    ["a parent folder with a slash, on Windows", `Basic realm=${WINDOWS}../a.key`, onWindows],
    ["a subfolder, on Windows", `Basic realm=${WINDOWS}more\\a.key`, onWindows],
    ["a subfolder with a slash, on Windows", `Basic realm=${WINDOWS}more/a.key`, onWindows],
    [
      "a folder with the same prefix, on Windows",
      "Basic realm=C:/ProgramData/AzureConnectedMachineAgent/Tokens2/a.key",
      onWindows,
    ],
    ["the folder inside another folder, on Windows", `Basic realm=C:/Users/me/${WINDOWS.slice(3)}a.key`, onWindows],
    ["a network share with the same path", `Basic realm=//${WINDOWS}a.key`, onWindows],
    ["a device path, on Windows", `Basic realm=\\\\?\\${WINDOWS}a.key`, onWindows],
    ["a short name, on Windows", "Basic realm=C:\\PROGRA~3\\AzureConnectedMachineAgent\\Tokens\\a.key", onWindows],
    [
      "a path relative to the current folder of a drive, on Windows",
      `Basic realm=C:${WINDOWS.slice(3)}a.key`,
      onWindows,
    ],
    ["a dot after the extension, on Windows", `Basic realm=${WINDOWS}a.key.`, onWindows],
    ["backslashes on Linux", `Basic realm=${LINUX.replaceAll("/", "\\")}a.key`],
    ["a backslash on Linux", `Basic realm=${LINUX}..\\a.key`],
    ["another drive, on Windows", `Basic realm=D${WINDOWS.slice(1)}a.key`, onWindows],
    ["an alternate data stream, on Windows", `Basic realm=${WINDOWS}a.txt:b.key`, onWindows],
    ["a network share", "Basic realm=\\\\evil\\AzureConnectedMachineAgent\\Tokens\\a.key", onWindows],
    [
      "the default folder, if the variable names another one",
      `Basic realm=${WINDOWS}a.key`,
      { platform: "win32", env: { ProgramData: "D:\\Data" } },
    ],
  ];
  for (const [what, header, setting] of challenges) {
    test(what, async () => {
      const { credential, service, reads } = arcOn(challenging(header), {
        ...setting,
        readTextFile: () => Promise.resolve(KEY),
      });
      const error = await failureOf(credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.equal(error.statusCode, 401);
      assert.match(error.message, /Cannot use the challenge of Azure Arc: It must name a file "\*\.key" in "/);
      assert.deepEqual(reads, []);
      assert.equal(service.requests.length, 1);
    });
  }
});

describe("a key", () => {
  const header = `Basic realm=${LINUX}a.key`;
  for (
    const [what, key] of [
      ["of one character", "k"],
      ["of 4096 bytes", "k".repeat(4096)],
      ["with all printable characters", Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("")],
    ] as const
  ) {
    test(`${what} is sent unchanged`, async () => {
      const { credential, service } = arcOn(challenging(header, key), { files: { [`${LINUX}a.key`]: key } });
      assert.equal((await credential.getToken(VAULT)).token, "a-token");
      assert.equal(service.requests[1]!.headers.get("authorization"), `Basic ${key}`);
    });
  }

  for (
    const [what, key] of [
      ["of 4097 bytes", KEY + "k".repeat(4097 - KEY.length)],
      ["of five kilobytes", KEY + "k".repeat(5000)],
      ["that is empty", ""],
      ["of line endings only", "\r\n\n"],
      ["with a line ending inside", `${KEY}\nMetadata: false`],
      ["with a character that is not ASCII", `${KEY}ü`],
      ["of 2048 two-byte characters", "ü".repeat(2048)],
      ["with a NUL character", `${KEY}\0`],
      ["with a byte order mark inside", `${KEY}\ufeff${KEY}`],
      ["with a byte order mark before it", `\ufeff${KEY}`],
      ["with a no-break space after it", `${KEY}\u00a0`],
      ["with an ideographic space before it", `\u3000${KEY}`],
      ["with a form feed after it", `${KEY}\f`],
      ["after a million spaces", " ".repeat(1_000_000) + KEY],
    ] as const
  ) {
    test(`${what} is not sent`, async () => {
      const { credential, service } = arcOn(challenging(header), { files: { [`${LINUX}a.key`]: key } });
      const error = await failureOf(credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        /Cannot use the key of Azure Arc ".*a\.key": It must be a regular file of printable ASCII .*4096 bytes$/,
      );
      assert.ok(!error.message.includes("CANARY"));
      assert.equal(service.requests.length, 1);
    });
  }

  describe("is read only after a check of its size, if the runtime can determine the size", () => {
    for (
      const [what, size, isRead] of [
        ["a file of 4096 bytes", 4096, true],
        ["a file of 4097 bytes", 4097, false],
        ["a file of a terabyte", 1e12, false],
        ["a pipe, a device, a link or a folder", Infinity, false],
      ] as const
    ) {
      test(what, async () => {
        const checked: string[] = [];
        const { credential, reads, service } = arcOn(challenging(header), {
          files: { [`${LINUX}a.key`]: KEY },
          fileSize: (path) => {
            checked.push(path);
            return Promise.resolve(size);
          },
        });
        const pending = credential.getToken(VAULT);
        if (isRead) {
          assert.equal((await pending).token, "a-token");
        } else {
          const error = await failureOf(pending);
          assert.equal(error.name, "AuthenticationError");
          assert.match(
            error.message,
            /Cannot use the key of Azure Arc ".*a\.key": It must be a regular file .*4096 bytes$/,
          );
          assert.equal(service.requests.length, 1);
        }
        assert.deepEqual([checked, reads], [[`${LINUX}a.key`], isRead ? [`${LINUX}a.key`] : []]);
      });
    }

    test("a file whose size cannot be determined is not read", async () => {
      const fileSize = () => Promise.reject(Object.assign(new Error(`EACCES ${KEY}`), { code: "EACCES" }));
      const { credential, reads } = arcOn(challenging(header), { fileSize });
      const error = await failureOf(credential.getToken(VAULT));
      assert.match(error.message, /Cannot read the key of Azure Arc in ".*": Run as a user with access/);
      assert.ok(!error.message.includes(KEY));
      assert.deepEqual(reads, []);
    });
  });

  test("that cannot be read: the error names the required group", async () => {
    for (
      const [message, name] of [
        ["ENOENT: no such file", "Error"],
        ["EACCES: permission denied", "Error"],
        ["Permission denied (os error 13)", "PermissionDenied"], // Deno's error for EACCES.
        ["", "NotFound"],
      ] as const
    ) {
      const readTextFile = () =>
        Promise.reject(Object.assign(new Error(`${message} ${KEY}`), { code: "EACCES", name }));
      const { credential, service } = arcOn(challenging(header), { readTextFile });
      const error = await failureOf(credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        /Cannot read the key of Azure Arc in ".*": Run as a user with access: on Linux, a member of the group "himds"/,
      );
      assert.ok(!JSON.stringify([error, error.message, String(error.cause)]).includes(KEY));
      assert.equal(service.requests.length, 1);
    }
  });

  test("that Deno may not read causes an AuthenticationError that ends a chain and names the flag", async () => {
    const readTextFile = () => Promise.reject(Object.assign(new Error("No"), { name: "NotCapable" }));
    const { credential } = arcOn(challenging(header), { readTextFile });
    const chain = new ChainedTokenCredential(credential, new StaticCredential("another's"));
    const error = await failureOf(chain.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /--allow-read=\/var\/opt\/azcmagent\/tokens\//);
  });
});

test("the agent's variables on an unsupported operating system cause an AuthenticationError", async () => {
  for (const platform of ["darwin", "freebsd", "android"]) {
    const setting = { platform, readTextFile: () => Promise.resolve(KEY) };
    const { credential, reads, service } = arcOn(challenging(`Basic realm=${LINUX}a.key`), setting);
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /Its agent runs on Linux and Windows only/);
    assert.deepEqual(reads, []);
    assert.ok(service.requests.length <= 1);
  }
});

describe("the key file changes while the program runs", () => {
  for (const platform of ["linux", "win32"] as const) {
    test(`each request uses a new file, which the agent then deletes: ${platform}`, async () => {
      const machine = createArcServer({ platform, sameTokenForMs: 0 });
      const credential = new ManagedIdentityCredential({ ...machine.options, cache: false });
      const tokens = new Set<string>();
      const keys = new Set<string>();
      for (let round = 0; round < 5; round++) {
        tokens.add((await credential.getToken(VAULT)).token);
        keys.add(machine.requests.at(-1)!.headers.authorization!);
      }
      assert.equal(tokens.size, 5);
      assert.equal(keys.size, 5);
      assert.equal(machine.requests.length, 10);
    });
  }

  test("concurrent requests for several resources get their tokens", async () => {
    const machine = createArcServer();
    const credential = new ManagedIdentityCredential(machine.options);
    const resources = Array.from({ length: 20 }, (_, index) => `https://resource-${index}.example`);
    const tokens = await Promise.all(resources.map((resource) => credential.getToken(`${resource}/.default`)));
    for (const [index, { token }] of tokens.entries()) {
      assert.equal((await machine.verify(token)).aud, resources[index]);
    }
    assert.equal(machine.requests.length, 40);
  });

  test("a key that another program used first is rejected, and the next call requests a new challenge", async () => {
    const machine = createArcServer();
    let stolen = false;
    const { runtime } = machine.options;
    const credential = new ManagedIdentityCredential({
      ...machine.options,
      runtime: {
        ...runtime,
        readTextFile: async (path) => {
          const key = await runtime.readTextFile(path);
          if (!stolen) machine.files.delete(path);
          stolen = true;
          return key;
        },
      },
    });
    const error = await failureOf(credential.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(error.statusCode, 401);
    assert.match(error.message, /Invalid Basic Authorization header/);
    await machine.verify((await credential.getToken(VAULT)).token);
  });
});

describe("detects the agent by its program file if the variables are not set", () => {
  for (
    const [platform, env, program] of [
      ["linux", {}, "/opt/azcmagent/bin/himds"],
      ["win32", {}, "C:\\Program Files\\AzureConnectedMachineAgent\\himds.exe"],
      ["win32", { ProgramFiles: "D:\\Apps" }, "D:\\Apps\\AzureConnectedMachineAgent\\himds.exe"],
    ] as const
  ) {
    test(program, async () => {
      for (const isThere of [true, false]) {
        const checked: string[] = [];
        const service = createService(() => machineAnswer());
        const fileExists = (path: string) => {
          checked.push(path);
          return Promise.resolve(isThere);
        };
        const options = machineOptions({ env: { ...env }, service, platform, fileExists });
        await new ManagedIdentityCredential(options).getToken(VAULT);
        assert.deepEqual(checked, [program]);
        const { host } = new URL(service.requests[0]!.url);
        assert.equal(host, isThere ? "127.0.0.1:40342" : "169.254.169.254");
      }
    });
  }

  test("on a simulated server, by the file alone", async () => {
    for (const platform of ["linux", "win32"] as const) {
      const machine = createArcServer({ platform, env: { IDENTITY_ENDPOINT: undefined, IMDS_ENDPOINT: undefined } });
      const { token } = await new ManagedIdentityCredential(machine.options).getToken(VAULT);
      assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
    }
  });

  test("not on another operating system", async () => {
    const service = createService(() => machineAnswer());
    const fileExists = () => Promise.reject(new Error("Must not be called"));
    const options = machineOptions({ service, platform: "darwin", fileExists });
    await new ManagedIdentityCredential(options).getToken(VAULT);
    assert.equal(new URL(service.requests[0]!.url).host, "169.254.169.254");
  });
});

describe("sends requests over http to loopback addresses only", () => {
  for (
    const endpoint of [
      "http://localhost.example:40342/token",
      "http://localhost.:40342/token",
      "http://arc.localhost/token",
      "http://127.0.0.1.example/token",
      "http://10.0.0.1:40342/token",
      "http://0.0.0.0:40342/token",
      "http://128.0.0.1/token",
      "http://169.254.169.254/metadata/identity/oauth2/token",
      "http://[::]:40342/token",
      "http://[::2]/token",
      "http://[::ffff:10.0.0.1]/token",
      "HTTP://ARC.EXAMPLE/token",
    ]
  ) {
    test(endpoint, async () => {
      const { credential, service } = arcOn(() => machineAnswer(), { env: { IDENTITY_ENDPOINT: endpoint } });
      const error = await failureOf(credential.getToken(VAULT));
      assert.equal(error.name, "AuthenticationError");
      assert.match(
        error.message,
        /Cannot use the variable IDENTITY_ENDPOINT: With "http:" it must name a loopback address, where the agent of Azure Arc listens$/,
      );
      assert.ok(!error.message.includes(new URL(endpoint).hostname));
      assert.equal(service.requests.length, 0);
    });
  }

  test("accepts other loopback addresses", async () => {
    for (const host of ["127.1", "127.255.255.254:1", "[::1]", "0x7f.0.0.1"]) {
      const env = { IDENTITY_ENDPOINT: `http://${host}/token` };
      const { credential, service } = arcOn(() => machineAnswer(), { env });
      await credential.getToken(VAULT);
      assert.equal(service.requests.length, 1);
    }
  });
});

describe("replaces localhost by 127.0.0.1, so that a hosts file has no effect", () => {
  for (
    const [endpoint, host] of [
      ["http://localhost:40342/metadata/identity/oauth2/token", "127.0.0.1:40342"],
      ["http://LOCALHOST:40342/metadata/identity/oauth2/token", "127.0.0.1:40342"],
      ["http://127.0.0.1:40342/metadata/identity/oauth2/token", "127.0.0.1:40342"],
      ["http://[::1]:40342/metadata/identity/oauth2/token", "[::1]:40342"],
      ["https://localhost.example:40342/metadata/identity/oauth2/token", "localhost.example:40342"],
    ] as const
  ) {
    test(endpoint, async () => {
      const { credential, service } = arcOn(() => machineAnswer(), { env: { IDENTITY_ENDPOINT: endpoint } });
      await credential.getToken(VAULT);
      assert.equal(new URL(service.requests[0]!.url).host, host);
    });
  }
});

describe("the response must name the requested identity", () => {
  const identities = { clientId: CLIENT_ID, objectId: OBJECT_ID, resourceId: RESOURCE_ID };
  const other = "00000000-0000-0000-0000-000000000000";
  for (
    const [kind, members, isConfirmed] of [
      ["clientId", { client_id: CLIENT_ID }, true],
      ["clientId", { client_id: CLIENT_ID.toUpperCase() }, true],
      ["clientId", { client_id: other }, false],
      ["clientId", { client_id: null }, false],
      ["clientId", { client_id: [CLIENT_ID] }, false],
      ["clientId", { object_id: CLIENT_ID }, false],
      ["clientId", {}, false],
      ["objectId", { object_id: OBJECT_ID }, true],
      ["objectId", { object_id: OBJECT_ID.toUpperCase() }, true],
      ["objectId", { object_id: other }, false],
      ["objectId", { client_id: OBJECT_ID }, false],
      ["objectId", {}, false],
      ["resourceId", { msi_res_id: RESOURCE_ID }, true],
      ["resourceId", { mi_res_id: RESOURCE_ID }, true],
      ["resourceId", { msi_res_id: RESOURCE_ID.toLowerCase() }, true],
      ["resourceId", { mi_res_id: RESOURCE_ID.toUpperCase() }, true],
      ["resourceId", { msi_res_id: `${RESOURCE_ID}2` }, false],
      ["resourceId", { client_id: CLIENT_ID }, false],
      ["resourceId", {}, false],
    ] as const
  ) {
    test(`${kind}: ${JSON.stringify(members)} is ${isConfirmed ? "accepted" : "rejected"}`, async () => {
      const identity = { [kind]: identities[kind] };
      const { credential } = arcOn(() => machineAnswer(members), { identity });
      if (isConfirmed) {
        assert.equal((await credential.getToken(VAULT)).token, "a-token");
      } else {
        const error = await failureOf(credential.getToken(VAULT));
        assert.equal(error.name, "AuthenticationError");
        assert.ok(
          error.message.includes(`does not confirm the user-assigned identity "${identities[kind]}"`),
          error.message,
        );
        assert.ok(!error.message.includes("a-token"));
      }
    });
  }

  test("rejects the token of an old agent, which is always the system-assigned identity's", async () => {
    for (const ignoresUserAssigned of [false, true]) {
      const userAssigned = [{ clientId: CLIENT_ID, objectId: OBJECT_ID, resourceId: RESOURCE_ID }];
      const machine = createArcServer({ userAssigned, ignoresUserAssigned });
      for (const [kind, id] of Object.entries(identities)) {
        const pending = new ManagedIdentityCredential({ ...machine.options, [kind]: id.toUpperCase() }).getToken(VAULT);
        if (ignoresUserAssigned) assert.match((await failureOf(pending)).message, /does not confirm/);
        else assert.equal((await machine.verify((await pending).token)).appid, CLIENT_ID);
      }
    }
  });

  test("accepts any response for the system-assigned identity", async () => {
    const { credential } = arcOn(() => machineAnswer({ client_id: other }));
    assert.equal((await credential.getToken(VAULT)).token, "a-token");
  });
});

describe("neither errors nor logs contain the key", () => {
  const description = `The header was Basic ${KEY}, or ${encodeURIComponent(KEY)}`;
  const echoes: Readonly<Record<string, () => unknown>> = {
    "sent back in an error": () => jsonAnswer({ error: "invalid", error_description: description }, { status: 400 }),
    "sent back as an error code": () => jsonAnswer({ error: KEY, error_description: KEY }, { status: 403 }),
    "sent back in a transient error": () =>
      jsonAnswer({ error: "busy", error_description: description }, { status: 500 }),
    "sent back in an error with status 200": () => jsonAnswer({ error: "odd", error_description: description }),
    "sent back in an error of another shape": () =>
      jsonAnswer({ error: { code: "odd", message: description } }, { status: 400 }),
    "sent back with escape sequences": () =>
      new Response(
        `{"error":"odd","error_description":"${
          Array.from(KEY, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
        }"}`,
        { status: 400 },
      ),
    "sent back in plain text": () => new Response(description, { status: 400 }),
    "sent back in plain text with status 200": () => new Response(description),
    "sent back in another challenge": () =>
      new Response(description, { status: 401, headers: { "www-authenticate": `Basic realm=${LINUX}${KEY}.key` } }),
    "in a network error": () => Promise.reject(new TypeError(`Cannot send ${description}`, { cause: description })),
  };
  for (const [where, echo] of Object.entries(echoes)) {
    test(where, async () => {
      const events: LogEvent[] = [];
      const { credential } = arcOn(
        (request) => request.headers.has("authorization") ? echo() : challenging(`Basic realm=${LINUX}a.key`)(request),
        { files: { [`${LINUX}a.key`]: KEY }, log: (event) => events.push(event) },
      );
      const error = await failureOf(credential.getToken(VAULT));
      const shown = [error.message, error.stack, JSON.stringify(error), String(error.cause), JSON.stringify(events)];
      assert.ok(events.length > 0);
      assert.ok(!shown.join("\n").includes(KEY), shown.join("\n"));
    });
  }

  test("sent back in the response to a retry", async () => {
    const events: LogEvent[] = [];
    const { credential } = arcOn(
      (request, index) =>
        index === 0
          ? challenging(`Basic realm=${LINUX}a.key`)(request)
          : index === 1
          ? new Response("", { status: 500 })
          : jsonAnswer({ error: "odd", error_description: description }, { status: 400 }),
      { files: { [`${LINUX}a.key`]: KEY }, log: (event) => events.push(event) },
    );
    const error = await failureOf(credential.getToken(VAULT));
    assert.match(error.message, /odd/);
    assert.ok(!JSON.stringify([error.message, error, events]).includes(KEY), error.message);
  });
});
