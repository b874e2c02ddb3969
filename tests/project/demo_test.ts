// Runs on: deno
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { type Child, type Ending, startModule } from "../support/child.ts";
import { processesWith } from "../support/environ.ts";
import { whyNotIsolated } from "../support/isolated.ts";
import { whyNoLaptop } from "../support/interop/boxed_laptop.ts";

interface RunOptions {
  readonly env?: Record<string, string>;
  /** Runs while the demo does. */
  readonly meanwhile?: (demo: Child) => Promise<unknown>;
}

/** Runs the demo with an empty working folder and an empty temporary folder. Checks that both are empty afterwards. */
async function runDemo(args: string[] = [], { env, meanwhile }: RunOptions = {}): Promise<Ending> {
  const folder = await mkdtemp(join(tmpdir(), "azweb-test-"));
  try {
    const cwd = join(folder, "cwd");
    const temporary = join(folder, "temporary");
    await mkdir(cwd);
    await mkdir(temporary);
    const demo = startModule("../../scripts/demo", { args, cwd, env: { ...temporaryFolder(temporary), ...env } });
    await meanwhile?.(demo);
    const ending = await demo.ended;
    assert.deepEqual(await readdir(cwd), []);
    assert.deepEqual(await readdir(temporary), []);
    assert.deepEqual(await processesWith(temporary), []);
    assert.doesNotMatch(ending.stdout + ending.stderr, /eyJ/, "It prints a token");
    return ending;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Returns the variables that set the temporary folder on every system. */
function temporaryFolder(path: string): Record<string, string> {
  return { TMPDIR: path, TMP: path, TEMP: path };
}

describe("deno task demo", () => {
  test("gets a token with the environment variables and stores a blob", async () => {
    const { code, stdout, stderr } = await runDemo();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\d+\. DefaultAzureCredential uses EnvironmentCredential$/m);
    assert.match(
      stdout,
      /from https:\/\/sts\.windows\.net\/\S+ for https:\/\/storage\.azure\.com, which expires in 60 minutes$/m,
    );
    assert.match(stdout, /^\d+\. The program downloaded the blob: the same 28 bytes$/m);
    assert.match(stdout, /^\d+\. Entra received one token request/m);
    assert.match(stdout, /^It works, in \d+\.\d seconds\.$/m);
    assert.equal(stderr, "");
  });

  const breaks: [string, RegExp, RegExp][] = [
    ["secret", /Cannot get a token: .*AADSTS7000215/, /What to do: Compare the variables/],
    ["audience", /Cannot create a container: 403 AuthenticationFailed/, /What to do: Compare the token/],
    ["azurite", /Cannot start Azurite:\n.*ENOENT/s, /What to do: Allow programs to listen/],
  ];
  for (const [broken, why, advice] of breaks) {
    test(`names the failed step, the cause and the next step: ${broken}`, async () => {
      const { code, stdout, stderr } = await runDemo(["--break", broken]);
      assert.equal(code, 1);
      assert.match(stderr, why);
      assert.match(stderr, advice);
      assert.match(stderr, /Everything is stopped and removed\.$/m);
      assert.doesNotMatch(stdout, /It works/);
    });
  }

  test("names the failed step, the cause and the next step: no temporary folder", async () => {
    const { code, stderr } = await startModule("../../scripts/demo", { env: temporaryFolder("no/such/folder") }).ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Cannot create certificates:\n.*no\/such\/folder.*\n\nWhat to do: Make "no\/such\/folder" writable/s,
    );
  });

  const usage = `Usage: deno task demo [--as <place>] [--break <step>]

Gets a token with a client secret from environment variables and stores a blob.

  --as vm           The same from a virtual machine, without a secret
  --as app-service  The same from App Service, without a secret
  --as aks          The same from a pod on Azure Kubernetes Service, without a secret
  --as arc          The same from a server with Azure Arc, without a secret
  --as laptop       The same from a laptop, without a secret
  --break secret    Fails on purpose: the client secret is wrong (not with --as)
  --break audience  Fails on purpose: the token is for another service (not with --as)
  --break azurite   Fails on purpose: the storage service has no key for TLS
`;

  test("prints its usage with --help", async () => {
    assert.deepEqual(await runDemo(["--as", "vm", "--help"]), { code: 0, stdout: usage, stderr: "" });
  });

  const mistakes: [args: string[], mistake: string][] = [
    [["--break", "everything"], 'There is no step "everything"'],
    [["--as", "toaster"], 'There is no place "toaster"'],
    [["--as", ""], 'There is no place ""'],
    [["--as", "vm", "--break", "secret"], 'There is no step "secret" with "--as"'],
    [["--as"], "Option '--as <value>' argument missing"],
    [["--foo"], "Unknown option '--foo'"],
    [["vm"], "Unexpected argument 'vm'. This command does not take positional arguments"],
  ];
  for (const [args, mistake] of mistakes) {
    test(`names the wrong argument: ${args.join(" ")}`, async () => {
      assert.deepEqual(await runDemo(args), { code: 2, stdout: "", stderr: `${mistake}\n\n${usage}` });
    });
  }

  for (const line of [/^2\./m, /^4\./m]) {
    test(`removes everything when it is interrupted after line ${line.source[1]}`, {
      skip: process.platform === "win32" && "Windows has no signals",
    }, async () => {
      const { code, stderr } = await runDemo([], { meanwhile: (demo) => interrupt(demo, line) });
      assert.equal(code, 130);
      assert.match(stderr, /^Interrupted\. Everything is stopped and removed\.$/m);
    });
  }
});

async function interrupt(demo: Child, line: RegExp): Promise<void> {
  await demo.untilPrinted(line);
  process.kill(demo.pid!, "SIGINT");
}

const isolation = { skip: await whyNotIsolated("") ?? false } as const;

const withAzureCli = { skip: await whyNoLaptop() } as const;

/** Variables with which commands such as `unshare` are not found. */
const NOWHERE = { PATH: "" };

describe("deno task demo --as", () => {
  const places: [
    name: string,
    uses: string,
    options: { skip?: string | false; env?: Record<string, string> },
    RegExp[],
  ][] = [
    ["vm", "ManagedIdentityCredential", isolation, [
      /^2\. Started a simulated virtual machine, .*: http:\/\/169\.254\.169\.254, the real address, in a network of its own$/m,
      /variables:\n {5}STORAGE_URL=.*\n {5}DENO_CERT=.*\n {3}and/,
    ]],
    ["vm", "ManagedIdentityCredential", { env: NOWHERE }, [
      /^2\. .*: (http:\/\/127\.0\.0\.1:\d+), from a variable\. The real address, .*, cannot be used\. This requires root on Linux/m,
      /^ {5}AZURE_POD_IDENTITY_AUTHORITY_HOST=http:\/\/127\.0\.0\.1:\d+$/m,
    ]],
    ["app-service", "ManagedIdentityCredential", {}, [
      /^ {5}IDENTITY_ENDPOINT=http:\/\/127\.0\.0\.1:\d+\/msi\/token\n {5}IDENTITY_HEADER=\(not shown\)$/m,
    ]],
    ["aks", "WorkloadIdentityCredential", {}, [
      /^ {5}AZURE_FEDERATED_TOKEN_FILE=.*azure-identity-token$/m,
      /^\d+\. The program got a token from https:\/\/sts\.windows\.net\/11111111-2222-3333-4444-555555555555\/ for/m,
    ]],
    ["arc", "ManagedIdentityCredential", isolation, [
      /^ {5}IMDS_ENDPOINT=http:\/\/127\.0\.0\.1:40342$/m,
    ]],
    ["laptop", "AzureCliCredential", withAzureCli, [
      /^2\. Signed in with the real Azure CLI .*https:\/\/login\.microsoftonline\.com, in a network of its own$/m,
      /^ {5}AZURE_CONFIG_DIR=.*azure$/m,
      /^\d+\. The program got a token from https:\/\/sts\.windows\.net\/11111111-2222-3333-4444-555555555555\/ for/m,
    ]],
    ["laptop", "AzureCliCredential", { env: NOWHERE }, [
      /^2\. Wrote a stand-in for the Azure CLI.* This requires root on Linux/m,
      /^ {5}AZURE_TOKEN_CREDENTIALS=dev$/m,
      /^\d+\. The program got a token from https:\/\/sts\.windows\.net\/11111111-2222-3333-4444-555555555555\/ for/m,
    ]],
  ];
  for (const [name, uses, { skip = false, env = {} }, patterns] of places) {
    test(`${name}: stores a blob without a secret${env === NOWHERE ? ", where processes cannot be isolated" : ""}`, {
      skip,
    }, async () => {
      const { code, stdout, stderr } = await runDemo(["--as", name], { env });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, new RegExp(`^\\d+\\. DefaultAzureCredential uses ${uses}$`, "m"));
      for (const pattern of patterns) assert.match(stdout, pattern);
      assert.doesNotMatch(stdout, /AZURE_CLIENT_SECRET/);
      assert.match(stdout, /^\d+\. The program downloaded the blob: the same 28 bytes$/m);
      assert.match(stdout, /^\d+\. .+ received one token request; the storage client then/m);
      assert.match(stdout, /^It works, in \d+\.\d seconds\.$/m);
      assert.equal(stderr, "");
    });
  }

  test("arc: says what it needs where processes cannot be isolated", async () => {
    const { code, stdout, stderr } = await runDemo(["--as", "arc"], { env: NOWHERE });
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      'Cannot run the demo as "arc" here. This requires root on Linux with "unshare" and "ip"\n',
    );
  });

  test("vm: removes everything when it is interrupted", isolation, async () => {
    const { code, stderr } = await runDemo(["--as", "vm"], { meanwhile: (demo) => interrupt(demo, /^2\./m) });
    assert.equal(code, 130);
    assert.match(stderr, /^Interrupted\. Everything is stopped and removed\.$/m);
  });

  test("names the failed step, the cause and the next step", async () => {
    const { code, stderr } = await runDemo(["--as", "app-service", "--break", "azurite"]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot start Azurite:\n.*ENOENT.*What to do: Allow programs to listen/s);
  });
});
