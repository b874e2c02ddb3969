// Runs on: node
// With Node's `--permission`, a missing permission causes an error that names the flag, also on releases that throw
// their own error outside of the promise.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../support/core/permission_process.js", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../", import.meta.url));

/** A release of Node. `version` is "" for the one that runs the test. */
interface Release {
  readonly version: string;
  readonly flag: string;
  /** Whether the network needs a permission. */
  readonly hasNet: boolean;
}

const RELEASES: readonly Release[] = [
  { version: "", flag: permissionFlag(), hasNet: process.allowedNodeEnvironmentFlags.has("--allow-net") },
  { version: "22.12.0", flag: "--experimental-permission", hasNet: false },
  { version: "24.0.0", flag: "--permission", hasNet: false },
  { version: "26.10.0", flag: "--permission", hasNet: true },
];

function permissionFlag(): string {
  return process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission";
}

/** Returns the path of a release's executable, which npm caches, or why it is not available. */
async function locate(version: string): Promise<{ path: string; skip: false } | { path: ""; skip: string }> {
  if (version === "") return { path: process.execPath, skip: false };
  const name = `node-${process.platform}-${process.arch}@${version}`;
  const args = ["exec", "--yes", "--prefer-offline", `--package=${name}`, "--", "node", "-p", "process.execPath"];
  try {
    return { path: (await run("npm", args)).stdout.trim(), skip: false };
  } catch (error) {
    return { path: "", skip: `npm cannot provide ${name}: ${(error as Error).message.split("\n")[0]}` };
  }
}

// Outside of the tests, because a download can exceed the time limit of a test.
const located = await Promise.all(RELEASES.map(async (release) => ({ ...release, ...await locate(release.version) })));

for (const { version, flag, hasNet, path, skip } of located) {
  const name = version === "" ? process.version : `v${version}`;

  /** Runs scenarios with the flags, and returns their outcomes: none after a scenario that ends the process. */
  const outcomesOf = async (scenarios: readonly string[], ...flags: string[]): Promise<Map<string, string>> => {
    const args = [flag, `--allow-fs-read=${FOLDER}*`, ...flags, PROGRAM, ...scenarios];
    const { stdout } = await run(path, args, { env: { PATH: "/usr/bin:/bin" } }).catch((error) => error);
    return new Map(String(stdout).split("\n").filter(Boolean).map((line) => JSON.parse(line)));
  };

  describe(`${name} with ${flag}`, { skip }, () => {
    let outcomes: Promise<Map<string, string>> | undefined;

    async function outcomeOf(scenario: string): Promise<string> {
      outcomes ??= outcomesOf(["token file", "certificate", "tool", "network", "browser", "machine", "explanation"]);
      return (await outcomes).get(scenario) ?? "The process died";
    }

    test("the error for a token file names --allow-fs-read", async () => {
      assert.match(
        await outcomeOf("token file"),
        /Error: WorkloadIdentityCredential: .*Node with --allow-fs-read=\/etc\/passwd/,
      );
      const permitted = await outcomesOf(["token file"], "--allow-fs-read=/etc/passwd");
      assert.match(permitted.get("token file")!, /^AuthenticationError: .*It must contain exactly one JWT/);
    });

    test("the error for a certificate file names --allow-fs-read", async () => {
      assert.match(await outcomeOf("certificate"), /Error: .*Node with --allow-fs-read=\/etc\/passwd/);
    });

    test("the error for a developer tool names --allow-child-process", async () => {
      assert.match(await outcomeOf("tool"), /^CredentialUnavailableError: .*Node with --allow-child-process/);
    });

    test("the error for a request names --allow-net if the network needs a permission", async () => {
      const outcome = await outcomeOf("network");
      assert.match(outcome, /^\w+Error: ClientSecretCredential: Cannot /);
      assert.equal(/--allow-net/.test(outcome), hasNet, outcome);
    });

    test("the error for a browser sign-in names the missing permission", async () => {
      const missing = hasNet ? /Node with --allow-net/ : /Node with --allow-child-process/;
      assert.match(await outcomeOf("browser"), missing);
    });

    test("a managed identity is absent if the files of Azure Arc may not be read", async () => {
      assert.match(await outcomeOf("machine"), /^AggregateAuthenticationError: .*\n.*\n.*ManagedIdentityCredential: /);
    });

    test("explain() reads no file without the permission", async () => {
      assert.match(await outcomeOf("explanation"), /\/etc\/passwd/);
    });

    if (!hasNet) return;
    test("if the network is permitted, the error names the next missing permission", async () => {
      const permitted = await outcomesOf(["network", "browser"], "--allow-net");
      assert.match(permitted.get("network")!, /ECONNREFUSED/);
      assert.match(permitted.get("browser")!, /Node with --allow-child-process/);
    });
  });
}
