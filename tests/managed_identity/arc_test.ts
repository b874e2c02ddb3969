// A server of Azure Arc: whose file is read and sent, and whose is not.
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

/** A server whose agent is one function, and what was read from its files. */
function arcOn(answer: (asked: Asked, index: number) => unknown, setting: Setting = {}) {
  const { platform = "linux", env = {}, files = {}, log, identity, readTextFile, fileSize } = setting;
  const service = createService(answer);
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

/** Challenges, and gives a token to whoever brings this key. */
function challenging(header: string | undefined, key: string = KEY) {
  return ({ headers }: Asked) =>
    headers.get("authorization") === `Basic ${key}`
      ? machineAnswer()
      : new Response("", { status: 401, headers: header === undefined ? {} : { "www-authenticate": header } });
}

describe("the file that the challenge names is read and sent", () => {
  for (
    const [what, header, path, setting] of [
      ["on Linux", `Basic realm=${LINUX}a.key`, `${LINUX}a.key`, {}],
      ["a name as the agent makes it", `Basic realm=${LINUX}1f3e-9c_0.key`, `${LINUX}1f3e-9c_0.key`, {}],
      ["in quotes", `Basic realm="${LINUX}a.key"`, `${LINUX}a.key`, {}],
      ["in small letters", `basic REALM=${LINUX}a.key`, `${LINUX}a.key`, {}],
      ["on Windows", `Basic realm=${WINDOWS}a.key`, `${WINDOWS}a.key`, { platform: "win32" }],
      [
        "on another drive of Windows",
        "Basic realm=D:\\Data\\AzureConnectedMachineAgent\\Tokens\\a.key",
        "D:\\Data\\AzureConnectedMachineAgent\\Tokens\\a.key",
        { platform: "win32", env: { ProgramData: "D:\\Data" } },
      ],
      [
        "by slashes on Windows",
        `Basic realm=${WINDOWS.replaceAll("\\", "/")}a.key`,
        `${WINDOWS}a.key`,
        { platform: "win32" },
      ],
      [
        "by both separators on Windows, some twice",
        'Basic realm="C:/ProgramData\\\\AzureConnectedMachineAgent//Tokens\\/a.key"',
        `${WINDOWS}a.key`,
        { platform: "win32" },
      ],
      [
        "in other letters on Windows",
        "Basic realm=c:\\PROGRAMDATA\\azureconnectedmachineagent\\tOKENS\\A-1f.KEY",
        `${WINDOWS}A-1f.KEY`,
        { platform: "win32" },
      ],
      [
        "where a variable of Windows is spelt in another way",
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

  test("and a line end behind the key is none of it", async () => {
    for (const end of ["\n", "\r\n"]) {
      const files = { [`${LINUX}a.key`]: KEY + end };
      const { credential, service } = arcOn(challenging(`Basic realm=${LINUX}a.key`), { files });
      await credential.getToken(VAULT);
      assert.equal(service.requests[1]!.headers.get("authorization"), `Basic ${KEY}`);
    }
  });
});

describe("a challenge that is none of the agent's: nothing is read, nothing is sent", () => {
  const onWindows = { platform: "win32" };
  const challenges: readonly [string, string | undefined, Setting?][] = [
    ["no header", undefined],
    ["an empty one", ""],
    ["no realm", "Basic"],
    ["an empty realm", "Basic realm="],
    ["quotes around nothing", 'Basic realm=""'],
    ["another scheme", `Bearer realm=${LINUX}a.key`],
    ["another scheme before it", `Negotiate, Basic realm=${LINUX}a.key`],
    ["another scheme behind it", `Basic realm=${LINUX}a.key, Negotiate`],
    ["another parameter", `Basic realm=${LINUX}a.key, charset="UTF-8"`],
    ["another folder", "Basic realm=/etc/ssl/private/server.key"],
    ["a folder above", `Basic realm=${LINUX}../a.key`],
    ["a folder above, and down again", `Basic realm=${LINUX}../tokens/a.key`],
    ["a folder below", `Basic realm=${LINUX}more/a.key`],
    ["a folder that begins alike", "Basic realm=/var/opt/azcmagent/tokens-of-mine/a.key"],
    ["the folder in a folder", `Basic realm=/home/me${LINUX}a.key`],
    ["the folder itself", `Basic realm=${LINUX}`],
    ["twice a slash", `Basic realm=${LINUX}/a.key`],
    ["another case of letters", `Basic realm=${LINUX.toUpperCase()}a.key`],
    ["a path that is not absolute", "Basic realm=a.key"],
    ["one that begins with a dot", "Basic realm=./a.key"],
    ["a URL", `Basic realm=file://${LINUX}a.key`],
    ["escapes of a URL", `Basic realm=${LINUX}..%2fa.key`],
    ["another ending", `Basic realm=${LINUX}a.pem`],
    ["no ending", `Basic realm=${LINUX}a`],
    ["an ending behind the ending", `Basic realm=${LINUX}a.key.txt`],
    ["an ending in capitals", `Basic realm=${LINUX}a.KEY`],
    ["an ending and nothing else", `Basic realm=${LINUX}.key`],
    ["a space in the name", `Basic realm=${LINUX}a b.key`],
    ["a quote in the name", `Basic realm="${LINUX}a".key"`],
    ["half of the quotes, the other way", `Basic realm='${LINUX}a.key'`],
    ["Linux's folder on Windows", `Basic realm=${LINUX}a.key`, onWindows],
    ["Windows's folder on Linux", `Basic realm=${WINDOWS}a.key`],
    ["a folder above, on Windows", `Basic realm=${WINDOWS}..\\a.key`, onWindows],
    ["a folder above by a slash, on Windows", `Basic realm=${WINDOWS}../a.key`, onWindows],
    ["a folder below, on Windows", `Basic realm=${WINDOWS}more\\a.key`, onWindows],
    ["a folder below by a slash, on Windows", `Basic realm=${WINDOWS}more/a.key`, onWindows],
    [
      "a folder that begins alike, on Windows",
      "Basic realm=C:/ProgramData/AzureConnectedMachineAgent/Tokens2/a.key",
      onWindows,
    ],
    ["the folder in a folder, on Windows", `Basic realm=C:/Users/me/${WINDOWS.slice(3)}a.key`, onWindows],
    ["a share that begins alike", `Basic realm=//${WINDOWS}a.key`, onWindows],
    ["a device path, on Windows", `Basic realm=\\\\?\\${WINDOWS}a.key`, onWindows],
    ["a short name, on Windows", "Basic realm=C:\\PROGRA~3\\AzureConnectedMachineAgent\\Tokens\\a.key", onWindows],
    ["a path from the current folder of a drive", `Basic realm=C:${WINDOWS.slice(3)}a.key`, onWindows],
    ["a dot behind the ending, on Windows", `Basic realm=${WINDOWS}a.key.`, onWindows],
    ["slashes the other way, on Linux", `Basic realm=${LINUX.replaceAll("/", "\\")}a.key`],
    ["a slash the other way, on Linux", `Basic realm=${LINUX}..\\a.key`],
    ["another drive", `Basic realm=D${WINDOWS.slice(1)}a.key`, onWindows],
    ["a stream of a file, on Windows", `Basic realm=${WINDOWS}a.txt:b.key`, onWindows],
    ["a share of another machine", "Basic realm=\\\\evil\\AzureConnectedMachineAgent\\Tokens\\a.key", onWindows],
    [
      "the usual folder, where the variable names another",
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
      ["of a character", "k"],
      ["of 4096 bytes", "k".repeat(4096)],
      ["with all that is printable", Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("")],
    ] as const
  ) {
    test(`${what} is sent as it is`, async () => {
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
      ["of nothing but line ends", "\r\n\n"],
      ["with a line end inside", `${KEY}\nMetadata: false`],
      ["with a letter that is not ASCII", `${KEY}ü`],
      ["with 2048 letters of two bytes", "ü".repeat(2048)],
      ["with a zero", `${KEY}\0`],
      ["with a byte order mark inside", `${KEY}\ufeff${KEY}`],
      ["with a byte order mark before it", `\ufeff${KEY}`],
      ["with a no-break space behind it", `${KEY}\u00a0`],
      ["with an ideographic space before it", `\u3000${KEY}`],
      ["with a form feed behind it", `${KEY}\f`],
      ["of blanks without an end", " ".repeat(1_000_000) + KEY],
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

  describe("is looked at before it is read, where the runtime can", () => {
    for (
      const [what, size, isRead] of [
        ["a file of 4096 bytes", 4096, true],
        ["a file of 4097 bytes", 4097, false],
        ["a file of a terabyte", 1e12, false],
        ["a pipe, a device, a link or a folder", Infinity, false],
      ] as const
    ) {
      test(what, async () => {
        const looked: string[] = [];
        const { credential, reads, service } = arcOn(challenging(header), {
          files: { [`${LINUX}a.key`]: KEY },
          fileSize: (path) => {
            looked.push(path);
            return Promise.resolve(size);
          },
        });
        const asked = credential.getToken(VAULT);
        if (isRead) {
          assert.equal((await asked).token, "a-token");
        } else {
          const error = await failureOf(asked);
          assert.equal(error.name, "AuthenticationError");
          assert.match(
            error.message,
            /Cannot use the key of Azure Arc ".*a\.key": It must be a regular file .*4096 bytes$/,
          );
          assert.equal(service.requests.length, 1);
        }
        assert.deepEqual([looked, reads], [[`${LINUX}a.key`], isRead ? [`${LINUX}a.key`] : []]);
      });
    }

    test("a file that cannot be looked at cannot be read", async () => {
      const fileSize = () => Promise.reject(Object.assign(new Error(`EACCES ${KEY}`), { code: "EACCES" }));
      const { credential, reads } = arcOn(challenging(header), { fileSize });
      const error = await failureOf(credential.getToken(VAULT));
      assert.match(error.message, /Cannot read the key of Azure Arc in ".*": Run as a user who may/);
      assert.ok(!error.message.includes(KEY));
      assert.deepEqual(reads, []);
    });
  });

  test("that cannot be read: the message says who may", async () => {
    for (
      const [message, name] of [
        ["ENOENT: no such file", "Error"],
        ["EACCES: permission denied", "Error"],
        ["Permission denied (os error 13)", "PermissionDenied"], // Deno's, for the system's.
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
        /Cannot read the key of Azure Arc in ".*": Run as a user who may, of the group "himds"/,
      );
      assert.ok(!JSON.stringify([error, error.message, String(error.cause)]).includes(KEY));
      assert.equal(service.requests.length, 1);
    }
  });

  test("that Deno may not read is an AuthenticationError that ends a chain and names the flag", async () => {
    const readTextFile = () => Promise.reject(Object.assign(new Error("No"), { name: "NotCapable" }));
    const { credential } = arcOn(challenging(header), { readTextFile });
    const chain = new ChainedTokenCredential(credential, new StaticCredential("another's"));
    const error = await failureOf(chain.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /--allow-read=\/var\/opt\/azcmagent\/tokens\//);
  });
});

test("variables of the agent on an operating system without one are an AuthenticationError", async () => {
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

describe("the key rotates under a running process", () => {
  for (const platform of ["linux", "win32"] as const) {
    test(`a new file each time, gone after its use: ${platform}`, async () => {
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

  test("several resources at the same time", async () => {
    const machine = createArcServer();
    const credential = new ManagedIdentityCredential(machine.options);
    const resources = Array.from({ length: 20 }, (_, index) => `https://resource-${index}.example`);
    const tokens = await Promise.all(resources.map((resource) => credential.getToken(`${resource}/.default`)));
    for (const [index, { token }] of tokens.entries()) {
      assert.equal((await machine.verify(token)).aud, resources[index]);
    }
    assert.equal(machine.requests.length, 40);
  });

  test("a key that was used meanwhile is no token, and the next call begins anew", async () => {
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

describe("without variables the agent's own file gives it away", () => {
  for (
    const [platform, env, program] of [
      ["linux", {}, "/opt/azcmagent/bin/himds"],
      ["win32", {}, "C:\\Program Files\\AzureConnectedMachineAgent\\himds.exe"],
      ["win32", { ProgramFiles: "D:\\Apps" }, "D:\\Apps\\AzureConnectedMachineAgent\\himds.exe"],
    ] as const
  ) {
    test(program, async () => {
      for (const isThere of [true, false]) {
        const looked: string[] = [];
        const service = createService(() => machineAnswer());
        const fileExists = (path: string) => {
          looked.push(path);
          return Promise.resolve(isThere);
        };
        const options = machineOptions({ env: { ...env }, service, platform, fileExists });
        await new ManagedIdentityCredential(options).getToken(VAULT);
        assert.deepEqual(looked, [program]);
        const { host } = new URL(service.requests[0]!.url);
        assert.equal(host, isThere ? "127.0.0.1:40342" : "169.254.169.254");
      }
    });
  }

  test("a simulated server, by its file alone", async () => {
    for (const platform of ["linux", "win32"] as const) {
      const machine = createArcServer({ platform, env: { IDENTITY_ENDPOINT: undefined, IMDS_ENDPOINT: undefined } });
      const { token } = await new ManagedIdentityCredential(machine.options).getToken(VAULT);
      assert.equal((await machine.verify(token)).aud, "https://vault.azure.net");
    }
  });

  test("nobody looks for it on another operating system", async () => {
    const service = createService(() => machineAnswer());
    const fileExists = () => Promise.reject(new Error("Nobody may ask"));
    const options = machineOptions({ service, platform: "darwin", fileExists });
    await new ManagedIdentityCredential(options).getToken(VAULT);
    assert.equal(new URL(service.requests[0]!.url).host, "169.254.169.254");
  });
});

describe("over http: nothing but a loopback address is asked", () => {
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

  test("other loopback addresses are", async () => {
    for (const host of ["127.1", "127.255.255.254:1", "[::1]", "0x7f.0.0.1"]) {
      const env = { IDENTITY_ENDPOINT: `http://${host}/token` };
      const { credential, service } = arcOn(() => machineAnswer(), { env });
      await credential.getToken(VAULT);
      assert.equal(service.requests.length, 1);
    }
  });
});

describe("what a hosts file says of localhost counts for nothing", () => {
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

describe("the answer has to name the identity that was asked for", () => {
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
    test(`${kind}, ${JSON.stringify(members)}: ${isConfirmed ? "confirmed" : "an error"}`, async () => {
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

  test("an old agent, which gives the machine's own token, is told apart", async () => {
    for (const ignoresUserAssigned of [false, true]) {
      const userAssigned = [{ clientId: CLIENT_ID, objectId: OBJECT_ID, resourceId: RESOURCE_ID }];
      const machine = createArcServer({ userAssigned, ignoresUserAssigned });
      for (const [kind, id] of Object.entries(identities)) {
        const asking = new ManagedIdentityCredential({ ...machine.options, [kind]: id.toUpperCase() }).getToken(VAULT);
        if (ignoresUserAssigned) assert.match((await failureOf(asking)).message, /does not confirm/);
        else assert.equal((await machine.verify((await asking).token)).appid, CLIENT_ID);
      }
    }
  });

  test("for the machine's own identity nothing has to be named", async () => {
    const { credential } = arcOn(() => machineAnswer({ client_id: other }));
    assert.equal((await credential.getToken(VAULT)).token, "a-token");
  });
});

describe("the key is nobody else's business", () => {
  const description = `The header was Basic ${KEY}, or ${encodeURIComponent(KEY)}`;
  const echoes: Readonly<Record<string, () => unknown>> = {
    "in an error": () => jsonAnswer({ error: "invalid", error_description: description }, { status: 400 }),
    "as an error's code": () => jsonAnswer({ error: KEY, error_description: KEY }, { status: 403 }),
    "in an error that can heal": () => jsonAnswer({ error: "busy", error_description: description }, { status: 500 }),
    "in an error with status 200": () => jsonAnswer({ error: "odd", error_description: description }),
    "in an error in another shape": () => jsonAnswer({ error: { code: "odd", message: description } }, { status: 400 }),
    "in escapes": () =>
      new Response(
        `{"error":"odd","error_description":"${
          Array.from(KEY, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
        }"}`,
        { status: 400 },
      ),
    "in a text": () => new Response(description, { status: 400 }),
    "in a text with status 200": () => new Response(description),
    "in another challenge": () =>
      new Response(description, { status: 401, headers: { "www-authenticate": `Basic realm=${LINUX}${KEY}.key` } }),
    "where nobody answers": () => Promise.reject(new TypeError(`Cannot send ${description}`, { cause: description })),
  };
  for (const [where, echo] of Object.entries(echoes)) {
    test(where, async () => {
      const events: LogEvent[] = [];
      const { credential } = arcOn(
        (asked) => asked.headers.has("authorization") ? echo() : challenging(`Basic realm=${LINUX}a.key`)(asked),
        { files: { [`${LINUX}a.key`]: KEY }, log: (event) => events.push(event) },
      );
      const error = await failureOf(credential.getToken(VAULT));
      const shown = [error.message, error.stack, JSON.stringify(error), String(error.cause), JSON.stringify(events)];
      assert.ok(events.length > 0);
      assert.ok(!shown.join("\n").includes(KEY), shown.join("\n"));
    });
  }

  test("in what the agent says the next time, when it has used the key", async () => {
    const events: LogEvent[] = [];
    const { credential } = arcOn(
      (asked, index) =>
        index === 0
          ? challenging(`Basic realm=${LINUX}a.key`)(asked)
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
