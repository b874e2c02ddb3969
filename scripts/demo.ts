/**
 * Gets a token with environment variables and stores a blob with it, in services that all run on this machine:
 * `deno task demo`. `--help` lists the options.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startAzurite } from "../tests/support/interop/azurite.ts";
import { writeCertificates } from "../tests/support/certificates/certificate_authority.ts";
import { startModule, stopModules } from "../tests/support/child.ts";
import { isolated, whyNotIsolated } from "../tests/support/isolated.ts";
import { aks } from "./demo/aks.ts";
import { appService } from "./demo/app_service.ts";
import { arc } from "./demo/arc.ts";
import { laptop } from "./demo/laptop.ts";
import type { Place } from "./demo/place.ts";
import { servicePrincipal } from "./demo/service_principal.ts";
import { virtualMachine } from "./demo/virtual_machine.ts";
import { readArguments } from "./usage.ts";

const PLACES: Readonly<Record<string, Place>> = { vm: virtualMachine, "app-service": appService, aks, arc, laptop };
const PROGRAM = "tests/support/interop/store_a_blob.ts";
const BREAKS: Readonly<Record<string, string>> = {
  secret: "the client secret is wrong (not with --as)",
  audience: "the token is for another service (not with --as)",
  azurite: "the storage service has no key for TLS",
};
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const LIMIT_IN_MS = 300_000;

let lines = 0;
let interrupted = false;

/** What the command line selects. */
interface DemoOptions {
  readonly place: Place;
  readonly broken: string | undefined;
  /** Why the commands of the environment's `setup` have not been run. */
  readonly whyNot: string | undefined;
}

/** Runs the demo. Rejects with an error whose message is printed. */
async function demo(folder: string, { place, broken, whyNot }: DemoOptions): Promise<void> {
  console.log(`From ${place.from} to a stored blob. Everything runs on this machine and is removed at the end.\n`);

  const names = ["localhost", ...place.hosts ?? []];
  const paths = await step(
    "create certificates",
    `Make "${tmpdir()}" writable, or name another folder with TMPDIR`,
    async () => {
      await mkdir(folder, { mode: 0o700 });
      return await writeCertificates(folder, names);
    },
  );
  const quoted = names.map((name) => `"${name}"`).join(", ");
  say(`Created a certificate authority for this run and a certificate for ${quoted}, so that TLS is real`);

  const { line, env: found, secret = [], summary } = await step(
    "start the token service",
    "Allow programs to listen on this machine",
    () => place.start({ folder, paths, broken, whyNot }),
  );
  say(line);

  const files = broken === "azurite" ? { ...paths, keyPath: join(folder, "missing.key") } : paths;
  const azurite = await step(
    "start Azurite",
    'Allow programs to listen on localhost; if its package is damaged, delete the folder "node_modules" and run this again',
    () => startAzurite({ ...files, folder }),
  );
  say(`Started Azurite, Microsoft's storage emulator: ${new URL(azurite.url).origin}`);

  const env = { ...found, STORAGE_URL: azurite.url, DENO_CERT: paths.authorityPath };
  say(`Started a program, ${PROGRAM}, with these environment variables:`);
  for (const [name, value] of Object.entries(env)) {
    console.log(`     ${name}=${secret.includes(name) ? "(not shown)" : value}`);
  }
  console.log("   and these lines, as in any program that uses Azure:");
  const source = await readFile(new URL(`../${PROGRAM}`, import.meta.url), "utf8");
  for (const line of source.split("\n").filter((line) => /new (Default|Blob)/.test(line))) {
    console.log(`     ${line.trim()}`);
  }
  await step("run the program", adviceOn, async () => {
    const { code, stderr } = await startModule("interop/store_a_blob", { cwd: folder, env, onLine: say }).ended;
    if (code !== 0) throw new Error(stderr.trim() || `It ended with ${code}`);
  });
  say(`${summary()}; the storage client then found the token in the cache`);
}

/** Returns the next step after a failure of the program. */
function adviceOn(reason: string): string {
  if (reason.includes("AADSTS")) {
    return "Compare the variables with the app that is registered in the simulated Entra: see scripts/demo/";
  }
  if (/ 40[13] /.test(reason)) {
    return "Compare the token above with what Azurite accepts: issuer https://sts.windows.net/, audience https://storage.azure.com";
  }
  return "Allow programs to connect to localhost over TLS, without security software in between";
}

function say(line: string): void {
  console.log(`${++lines}. ${line}`);
}

/** Runs a step of the demo. If it fails, the error names the step, the cause and the next step. */
async function step<T>(
  what: string,
  advice: string | ((reason: string) => string),
  work: () => Promise<T>,
): Promise<T> {
  if (interrupted) throw new Error("Interrupted");
  const late = new Promise<never>((_, reject) => {
    AbortSignal.timeout(LIMIT_IN_MS).onabort = () => reject(new Error("It took more than five minutes"));
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

const OPTIONS = [
  ...Object.entries(PLACES).map(([name, { from }]) =>
    [`--as ${name}`, `The same from ${from}, without a secret`] as const
  ),
  ...Object.entries(BREAKS).map(([name, why]) => [`--break ${name}`, `Fails on purpose: ${why}`] as const),
];

const USAGE = `Usage: deno task demo [--as <place>] [--break <step>]

Gets a token with a client secret from environment variables and stores a blob.

${OPTIONS.map(([option, text]) => `  ${option.padEnd(18)}${text}`).join("\n")}`;

/** Parses the command line. Throws an error if an argument is not valid. */
function parseOptions(args: string[]) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args, options: { as: text, break: text, isolated: { type: "boolean" } } });
  const { as: name, break: broken, isolated: isIsolated = false } = values;
  if (name !== undefined && !Object.hasOwn(PLACES, name)) throw new Error(`There is no place "${name}"`);
  if (broken !== undefined && !Object.hasOwn(BREAKS, broken)) throw new Error(`There is no step "${broken}"`);
  // Only the default, a service principal, has a client secret and an audience to break.
  if (name && broken && broken !== "azurite") throw new Error(`There is no step "${broken}" with "--as"`);
  return { name, place: name ? PLACES[name]! : servicePrincipal, broken, isIsolated };
}

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = readArguments(args, USAGE, () => parseOptions(args));
  const { name, place, isIsolated } = options;
  const whyNot = place.setup && !isIsolated ? await whyNotIsolated(place.setup) : undefined;
  if (whyNot && !place.canDoWithout) {
    console.error(`Cannot run the demo as "${name}" here. ${whyNot}`);
    return 1;
  }
  if (place.setup && !isIsolated && !whyNot) return await runIsolated(place.setup, args);
  return await runDemo({ ...options, whyNot });
}

/** Runs this script again in a network and with folders of its own. */
function runIsolated(setup: string, args: string[]): Promise<number> {
  const [command = "", ...rest] = isolated(setup);
  const run = [process.execPath, "run", "--quiet", "--allow-all", fileURLToPath(import.meta.url)];
  const child = spawn(command, [...rest, ...run, ...args, "--isolated"], { stdio: "inherit" });
  // After `child.kill`, Deno does not report the exit code.
  for (const signal of SIGNALS) process.on(signal, () => process.kill(child.pid!, signal));
  return new Promise((resolve, reject) => child.on("error", reject).on("close", (code) => resolve(code ?? 130)));
}

/** Returns the exit code. */
async function runDemo(options: DemoOptions): Promise<number> {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      interrupted = true;
      stopModules();
    });
  }
  const started = Date.now();
  const folder = join(tmpdir(), `azweb-demo-${crypto.randomUUID()}`);
  let failure: string | undefined;
  try {
    await demo(folder, options);
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
