// Runs on: deno, node, bun
// The key file of Azure Arc in the file system of this machine: only small regular files are opened.
import { ManagedIdentityCredential } from "@azweb/identity";
import { createRuntime } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { machineAnswer, VAULT } from "../support/managed_identity/machine.ts";
import { createService, failureOf } from "../support/service.ts";

const KEY = "CANARY-0123456789";

/** Creates a file, a pipe or a link at a path. */
type Make = (path: string) => Promise<void>;

const KINDS: Readonly<Record<string, readonly [make: Make, size: number]>> = {
  "a file": [(path) => writeFile(path, KEY), KEY.length],
  "a file of 4096 bytes": [(path) => writeFile(path, "k".repeat(4096)), 4096],
  "a file of 4097 bytes": [(path) => writeFile(path, "k".repeat(4097)), 4097],
  "a file of two-byte characters": [(path) => writeFile(path, "ü".repeat(3000)), 6000],
  // Opening it for reading would wait for a writer.
  "a pipe": [(path) => Promise.resolve(void execFileSync("mkfifo", [path])), Infinity],
  "a link to an endless device": [(path) => symlink("/dev/zero", path), Infinity],
  "a link to a file": [async (path) => {
    await writeFile(`${path}.target`, KEY);
    await symlink(`${path}.target`, path);
  }, Infinity],
};

/** Creates one of them, calls `use` with its path, and removes it. */
async function withFile(make: Make, use: (folder: string, path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "azweb-arc-"));
  // The agent's folder on Windows, which is part of the file name on this platform.
  const path = `${folder}/data\\AzureConnectedMachineAgent\\Tokens\\a.key`;
  try {
    await make(path);
    await use(folder, path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("the size of", () => {
  for (const [what, [make, size]] of Object.entries(KINDS)) {
    test(`${what} is ${size}`, async () => {
      await withFile(make, async (_folder, path) => assert.equal(await createRuntime().fileSize!(path), size));
    });
  }

  test("a folder is Infinity, and that of a missing file an error", async () => {
    await withFile(() => Promise.resolve(), async (folder, path) => {
      assert.equal(await createRuntime().fileSize!(folder), Infinity);
      await assert.rejects(createRuntime().fileSize!(path), /ENOENT|No such file/);
    });
  });
});

describe("the challenge names", () => {
  for (const [what, [make, size]] of Object.entries(KINDS)) {
    test(`${what}, which ${size <= 4096 ? "is sent" : "is not opened"}`, async () => {
      await withFile(make, async (folder, path) => {
        const service = createService(({ headers }) =>
          headers.has("authorization")
            ? machineAnswer()
            : new Response("", { status: 401, headers: { "www-authenticate": `Basic realm=${path}` } })
        );
        const pending = new ManagedIdentityCredential({
          env: {
            ProgramData: `${folder}/data`,
            IDENTITY_ENDPOINT: "http://127.0.0.1:40342/metadata/identity/oauth2/token",
            IMDS_ENDPOINT: "http://127.0.0.1:40342",
          },
          localFetch: service.fetch,
          cache: false,
          runtime: { platform: "win32" },
          timeoutInMs: 5_000,
        }).getToken(VAULT);
        if (size <= 4096) return assert.equal((await pending).token, "a-token");
        const { name, message } = await failureOf(pending);
        assert.equal(name, "AuthenticationError");
        assert.match(message, /It must be a regular file of printable ASCII characters, at most 4096 bytes$/);
        assert.equal(service.requests.length, 1);
      });
    });
  }
});
