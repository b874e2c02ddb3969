/**
 * Calls credentials at a high rate for minutes, on Deno and Node, while a simulated Entra with short-lived tokens fails
 * at random and, twice, completely: `deno task soak --seconds 300 --rate 1000`.
 *
 * No token may be expired or of another identity, no call may hang, the heap must stay flat, a token must not be
 * requested twice at a time, and a call may fail only while the service is down.
 *
 * @module
 */
import { stop } from "esbuild";
import { parseArgs } from "node:util";
import { writeCertificates } from "../tests/support/certificates/certificate_authority.ts";
import { trust } from "../tests/support/child.ts";
import { runOrThrow } from "./run.ts";
import { type Cloud, startCloud } from "./soak/cloud.ts";
import type { Findings, Plan } from "./soak/plan.ts";
import { makeTestProject } from "./test_project.ts";
import { readArguments } from "./usage.ts";

const RUNTIMES = ["deno", "node"] as const;
type RuntimeName = typeof RUNTIMES[number];

const USAGE = "Usage: deno task soak [deno|node]... [--seconds <number>] [--rate <calls per second>]";
const TENANT = "22222222-2222-2222-2222-222222222222";
const SECRET = "a-secret";
const LIFETIME_IN_MS = 60_000;
const FAULT_RATE = 0.2;
const APPS = Array.from({ length: 10 }, (_, index) => `${index}1111111-1111-1111-1111-111111111111`);
const RESOURCES = Array.from({ length: 10 }, (_, index) => `https://resource-${index}.example`);
const ABORTED_RESOURCE = RESOURCES[9]!;
/**
 * Parts of the run in which the service is down. In a run of five minutes, the second one is longer than the rest of a
 * token's life, so that calls do fail.
 */
const OUTAGES: readonly (readonly [from: number, to: number])[] = [[0.3, 0.36], [0.6, 0.8]];
/** The growth of the heap that a run may show, in bytes: about the size of the library's code, compiled while it runs. */
const HEAP_GROWTH = 2_000_000;
/** The time limit of a credential. */
const LONGEST_CALL_IN_MS = 120_000;

/** Parses the arguments. Throws an error if one is not valid. */
function readOptions(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: { seconds: { type: "string", default: "300" }, rate: { type: "string", default: "1000" } },
    allowPositionals: true,
  });
  const [seconds, rate] = [values.seconds, values.rate].map(Number) as [number, number];
  if (!(seconds > 0)) throw new Error("--seconds must be a positive number");
  if (!(rate > 0)) throw new Error("--rate must be a positive number");
  const unknown = positionals.find((name) => !RUNTIMES.some((runtime) => runtime === name));
  if (unknown !== undefined) throw new Error(`There is no runtime "${unknown}"`);
  const runtimes = RUNTIMES.filter((name) => positionals.length === 0 || positionals.includes(name));
  return { seconds, rate, runtimes };
}

/** A period in which every request fails, in milliseconds since the epoch. */
interface Outage {
  readonly from: number;
  readonly to: number;
}

/** Makes the service fail in parts of a run, and returns the outages that have begun. */
function scheduleOutages(cloud: Cloud, seconds: number): Outage[] {
  const outages: Outage[] = [];
  for (const [from, to] of OUTAGES) {
    setTimeout(() => {
      cloud.setDown(true);
      const outage = { from: Date.now(), to: Infinity };
      outages.push(outage);
      setTimeout(() => {
        cloud.setDown(false);
        outage.to = Date.now();
      }, (to - from) * seconds * 1000);
    }, from * seconds * 1000);
  }
  return outages;
}

/** Runs the callers on a runtime. Returns what is wrong. */
async function soak(
  runtime: RuntimeName,
  { seconds, rate, folder, tls, authorityPath }: {
    readonly seconds: number;
    readonly rate: number;
    readonly folder: string;
    readonly tls: { readonly cert: string; readonly key: string };
    readonly authorityPath: string;
  },
): Promise<string[]> {
  const cloud = await startCloud({
    tenantId: TENANT,
    secret: SECRET,
    apps: APPS,
    lifetimeInMs: LIFETIME_IN_MS,
    faultRate: FAULT_RATE,
    tls,
  });
  const plan: Plan = {
    authorityHost: cloud.url,
    tenantId: TENANT,
    secret: SECRET,
    apps: APPS,
    resources: RESOURCES,
    abortedResource: ABORTED_RESOURCE,
    seconds,
    rate,
    findings: `${folder}/${runtime}.json`,
  };
  const command: Readonly<Record<RuntimeName, readonly [string, ...string[]]>> = {
    deno: [Deno.execPath(), "run", "--quiet", "--allow-all", "--no-lock", "--v8-flags=--expose-gc"],
    node: ["node", "--expose-gc"],
  };
  const [program, ...args] = command[runtime];
  const outages = scheduleOutages(cloud, seconds);
  await runOrThrow(program, [...args, "callers.js", JSON.stringify(plan)], {
    cwd: folder,
    env: trust(authorityPath),
    timeoutInMs: seconds * 1000 + 300_000,
  });
  const findings: Findings = JSON.parse(await Deno.readTextFile(plan.findings));
  await cloud.close();
  return judge(runtime, findings, cloud, outages);
}

/** Prints the figures, and returns what is wrong with them. */
function judge(runtime: RuntimeName, findings: Findings, cloud: Cloud, outages: readonly Outage[]): string[] {
  const { calls, tokens, aborted, expired, wrong, stuck, errors, heap, overlap, longestInMs } = findings;
  // A call may share a request that began during the outage.
  const slackInMs = 1000 + findings.longestPauseInMs;
  const isDown = ({ from, to }: { from: number; to: number }) =>
    outages.some((outage) => from <= outage.to + slackInMs && to >= outage.from);
  const unjustified = errors.filter((error) => !isDown(error));
  const countOf = (groups: Findings["errors"]) => groups.reduce((sum, { count }) => sum + count, 0);
  const third = Math.ceil(heap.length / 3);
  // The first measurements are taken while code is compiled and the cache is filled.
  const growth = medianOf(heap.slice(-third)) - medianOf(heap.slice(third, 2 * third));
  const atService = ({ handled, connected }: Cloud, isAborted: boolean) =>
    [handled, connected].map((most) =>
      Math.max(0, ...[...most].filter(([name]) => (name === ABORTED_RESOURCE) === isAborted).map(([, count]) => count))
    ).join(" at the service, of which ");
  console.log(
    `${runtime}: ${calls} calls, ${tokens} tokens, ${countOf(errors)} errors, ${aborted} aborted by their caller
  requests: ${findings.requests} sent, ${cloud.requests} received, ${cloud.faults} with a random fault
  errors while the service was not down: ${countOf(unjustified)}
  expired tokens: ${expired}, for ${findings.expiredForMs} ms at most; tokens of another identity: ${wrong}; calls that did not settle: ${stuck}
  longest call: ${longestInMs} ms; longest pause of the event loop: ${findings.longestPauseInMs} ms
  heap in use: ${megabytes(heap[0])} at first, ${megabytes(medianOf(heap.slice(third, 2 * third)))} in the middle, ${
      megabytes(medianOf(heap.slice(-third)))
    } at the end
  most concurrent requests for the same token: ${overlap.common} sent, ${
      atService(cloud, false)
    } from a connected client
  the same, for callers with a signal: ${overlap.aborted} sent, ${atService(cloud, true)} from a connected client
  listeners on the shared signal: ${findings.listeners} at most, ${findings.lastListeners} at the end`,
  );
  const problems: [isWrong: boolean, what: string][] = [
    [expired > 0, `${expired} expired tokens, for ${findings.expiredForMs} ms at most`],
    [wrong > 0, `${wrong} tokens of another identity`],
    [stuck > 0, `${stuck} calls did not settle`],
    [unjustified.length > 0, `${countOf(unjustified)} errors while the service was up: ${unjustified[0]?.message}`],
    [growth > HEAP_GROWTH, `the heap grew by ${megabytes(growth)}`],
    [overlap.common > 1, `${overlap.common} concurrent requests for the same token`],
    [overlap.aborted > 1, `${overlap.aborted} concurrent requests for the same token, of callers with a signal`],
    [longestInMs > LONGEST_CALL_IN_MS + findings.longestPauseInMs, `a call took ${longestInMs} ms`],
    [findings.lastListeners > 0, `${findings.lastListeners} listeners are left on the shared signal`],
  ];
  return problems.filter(([isWrong]) => isWrong).map(([, what]) => `${runtime}: ${what}`);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function megabytes(bytes = 0): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function loadAverage(): string {
  return Deno.loadavg().map((load) => load.toFixed(1)).join(", ");
}

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { seconds, rate, runtimes } = readArguments(args, USAGE, () => readOptions(args));
  const folder = await Deno.makeTempDir({ prefix: "azweb-identity-soak-" });
  try {
    await makeTestProject(folder, []);
    await Deno.copyFile(new URL("soak/callers.js", import.meta.url), `${folder}/callers.js`);
    const { authorityPath, certificatePath, keyPath } = await writeCertificates(folder, ["localhost"]);
    const tls = { cert: await Deno.readTextFile(certificatePath), key: await Deno.readTextFile(keyPath) };
    console.log(`${rate} calls per second for ${seconds} s, load average ${loadAverage()}`);
    const options = { seconds, rate, folder, tls, authorityPath };
    const problems = (await Promise.all(runtimes.map((runtime) => soak(runtime, options)))).flat();
    console.log(`Load average ${loadAverage()}\n${problems.length === 0 ? "ok" : problems.join("\n")}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } finally {
    await stop();
  }
}
