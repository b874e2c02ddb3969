/**
 * From environment variables to a stored blob, on this machine alone: `deno task demo`.
 *
 * `--break secret`, `--break audience` or `--break azurite` makes a step fail, to see what the demo says then.
 *
 * @module
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startAzurite } from "../tests/support/azurite.ts";
import { writeCertificates } from "../tests/support/certificate_authority.ts";
import { startModule, stopModules } from "../tests/support/child.ts";
import { startEntra } from "../tests/support/entra_server.ts";

const TENANT_ID = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID = "66666666-7777-8888-9999-000000000000";
const PROGRAM = "tests/support/store_a_blob.ts";
const BREAKS = ["secret", "audience", "azurite"];
const ONE_MINUTE = 60_000;

let lines = 0;
let interrupted = false;

/** The demo itself. Rejects with what to tell the reader. */
async function demo(folder: string, broken: string | undefined): Promise<void> {
  console.log(
    "From environment variables to a stored blob. All of it runs on this machine, and nothing of it stays.\n",
  );

  const paths = await step(
    "make certificates",
    `Make "${tmpdir()}" writable, or name another folder with TMPDIR`,
    async () => {
      await mkdir(folder, { mode: 0o700 });
      return await writeCertificates(folder, ["localhost"]);
    },
  );
  say('Made a certification authority for this run, and with it a certificate for "localhost": TLS is real');

  const secret = crypto.randomUUID();
  const claims = broken === "audience" ? { aud: "https://vault.azure.net" } : {};
  const app = { tenantId: TENANT_ID, clientId: CLIENT_ID, secrets: [secret], claims };
  const entra = await step(
    "start the simulated Entra",
    "Let programs listen on localhost",
    () => startEntra({ ...paths, entra: { apps: [app] } }),
  );
  say(`Started a simulated Microsoft Entra ID, from @azweb/identity/testing: ${entra.url}`);

  const files = broken === "azurite" ? { ...paths, keyPath: join(folder, "missing.key") } : paths;
  const azurite = await step(
    "start Azurite",
    'Let programs listen on localhost; if its package is damaged, delete the folder "node_modules" and run this again',
    () => startAzurite({ ...files, folder }),
  );
  say(`Started Azurite, Microsoft's own storage emulator: ${new URL(azurite.url).origin}`);

  const env = {
    AZURE_AUTHORITY_HOST: entra.url,
    AZURE_TENANT_ID: TENANT_ID,
    AZURE_CLIENT_ID: CLIENT_ID,
    AZURE_CLIENT_SECRET: broken === "secret" ? "not-the-secret" : secret,
    STORAGE_URL: azurite.url,
    DENO_CERT: paths.authorityPath,
  };
  say(`Started a program, ${PROGRAM}, that knows these environment variables:`);
  for (const [name, value] of Object.entries({ ...env, AZURE_CLIENT_SECRET: "(not shown)" })) {
    console.log(`     ${name}=${value}`);
  }
  console.log("   and holds the lines that every Azure user writes:");
  const source = await readFile(new URL(`../${PROGRAM}`, import.meta.url), "utf8");
  for (const line of source.split("\n").filter((line) => /new (Default|Blob)/.test(line))) {
    console.log(`     ${line.trim()}`);
  }
  await step("run the program", adviceOn, async () => {
    const { code, stderr } = await startModule("store_a_blob", { cwd: folder, env, onLine: say }).ended;
    if (code !== 0) throw new Error(stderr.trim() || `It ended with ${code}`);
  });
  const times = entra.requests.length === 1 ? "once" : `${entra.requests.length} times`;
  say(`Entra was asked for a token ${times}; after that, the storage client found it in memory`);
}

/** What can be done about the program's failure. */
function adviceOn(reason: string): string {
  if (reason.includes("AADSTS")) {
    return "Compare the variables with what Entra has on record: the app in scripts/demo.ts";
  }
  if (/ 40[13] /.test(reason)) {
    return "Compare the token, above, with what Azurite takes: one by https://sts.windows.net/ for https://storage.azure.com";
  }
  return "Let programs connect to localhost over TLS, with no security software between them";
}

function say(line: string): void {
  console.log(`${++lines}. ${line}`);
}

/** Does a part of the demo; where it fails, the error says what, why, and what to do. */
async function step<T>(
  what: string,
  advice: string | ((reason: string) => string),
  work: () => Promise<T>,
): Promise<T> {
  if (interrupted) throw new Error("Interrupted");
  const late = new Promise<never>((_, reject) => {
    AbortSignal.timeout(ONE_MINUTE).onabort = () => reject(new Error("It took more than a minute"));
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(
      `Cannot ${what}:\n  ${reason.replaceAll("\n", "\n  ")}\n\nWhat to do: ${
        typeof advice === "string" ? advice : advice(reason)
      }`,
    );
  }
}

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [flag, broken] = args;
  if (args.length > 0 && (flag !== "--break" || !BREAKS.includes(broken ?? "") || args.length > 2)) {
    console.error(`Usage: deno task demo [--break ${BREAKS.join("|")}]`);
    return 1;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted = true;
      stopModules();
    });
  }
  const started = Date.now();
  const folder = join(tmpdir(), `azweb-demo-${crypto.randomUUID()}`);
  let failure: string | undefined;
  try {
    await demo(folder, broken);
  } catch (error) {
    failure = (error as Error).message;
  }
  await stopModules();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  if (failure && interrupted) {
    console.error("\nInterrupted. Everything is stopped and removed.");
    return 130;
  }
  if (failure) {
    console.error(`\nFailed after line ${lines}: ${failure}\n\nEverything is stopped and removed.`);
    return 1;
  }
  say("Stopped and removed everything");
  console.log(`\nIt works, in ${((Date.now() - started) / 1000).toFixed(1)} seconds.`);
  return 0;
}

process.exit(await main(process.argv.slice(2)));
