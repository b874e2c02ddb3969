/**
 * Measures this library and `@azure/identity` side by side, prints a table and writes it to `bench_results.md`: `deno
 * task bench`.
 *
 * @module
 */

import { build, stop } from "esbuild";
import { measureBundle } from "./bench/measure_bundle.ts";
import { measureImports } from "./bench/measure_import.ts";
import { install, measureInstall } from "./bench/measure_install.ts";
import { count, kilobytes, microseconds, milliseconds, type Row, table } from "./bench/report.ts";
import { buildNpm } from "./build_npm.ts";
import { ROOT, runOrThrow } from "./run.ts";

const OURS = "@azweb/identity";
const THEIRS = "@azure/identity";
const RESULTS = "scripts/bench_results.md";
/** Roughly the time that the Azure CLI takes to start. */
const AZ_IN_MS = 600;
const PROBE_IN_MS = 1000;
/** Number of rounds. Each round measures both libraries. */
const ROUNDS = 3;

/** The bundles for an edge runtime, with their targets in bytes. */
const EDGE: readonly (readonly [name: string, subpath: string, target: number])[] = [
  ["ClientSecretCredential", "/client-secret-credential", 13_000],
  ["ManagedIdentityCredential", "/managed-identity-credential", 15_000],
  ["AzureCliCredential", "/azure-cli-credential", 9000],
  ["DefaultAzureCredential", "/default-azure-credential", 22_000],
];

/** The output of `cold_calls.ts`. */
interface ColdCalls extends Record<string, number> {
  /** Token requests of 1,000 calls of one credential. */
  readonly one: number;
  /** Token requests of 1,000 calls of 1,000 equal credentials. */
  readonly many: number;
  /** Requests for the first token from a known cloud. */
  readonly knownCloud: number;
  /** Requests for the first token from another authority host. */
  readonly otherHost: number;
  /** Token requests of 1,000 calls of the managed identity of a virtual machine. */
  readonly machine: number;
  /** Time of the first call of a chain that finds no credential, because the metadata service does not respond. */
  readonly silentMs: number;
  /** Time of the second call. */
  readonly silentAgainMs: number;
  /** 1 if an aborted call was rejected, else 0. */
  readonly rejected: number;
  /** Time after which the aborted call settled. */
  readonly afterMs: number;
  /** Concurrent calls that were not aborted and returned a token. */
  readonly othersWithToken: number;
}

/** The output of `laptop.ts`. */
type Laptop = Record<"firstMs" | "secondMs" | "processes", number>;

const folder = await Deno.makeTempDir({ prefix: "azweb-identity-bench-" });
try {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const sources = { ours: await buildNpm(), theirs: imports[THEIRS].replace("npm:", "") };
  const installed = await measureInstalled(sources);
  await install(`${folder}/both`, Object.values(sources));
  await build({
    absWorkingDir: `${ROOT}scripts/bench`,
    entryPoints: ["cached_calls.ts", "cold_calls.ts", "laptop.ts"],
    outdir: `${folder}/both`,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
  const variables = await makeLaptop();
  const rows = [
    ...await cachedCalls("Node", (way, library) => onNode("cached_calls", {}, way, library)),
    ...await cachedCalls(
      "Deno",
      (way, library) => runOrThrow(Deno.execPath(), ["run", "-A", "scripts/bench/cached_calls.ts", way, library]),
    ),
    ...coldCalls(await takeTurns<ColdCalls>((library) => onNode("cold_calls", {}, library))),
    ...laptop(await takeTurns<Laptop>((library) => onNode("laptop", variables, library))),
    ...await importTimes(),
    ...await bundles(),
    ...installed.rows,
  ];
  const text = `${await introduction(installed.versions)}\n\n${table(rows)}\n`;
  await Deno.writeTextFile(`${ROOT}${RESULTS}`, text);
  console.log(`${text}\nWritten to ${RESULTS}`);
} finally {
  await stop();
  await Deno.remove(folder, { recursive: true });
}

function onNode(program: string, env: Record<string, string> = {}, ...args: string[]): Promise<string> {
  return runOrThrow("node", [`${program}.js`, ...args], { cwd: `${folder}/both`, env });
}

/**
 * Creates the home folder of a signed-in user, and a script in place of the Azure CLI. Returns the environment
 * variables for both.
 */
async function makeLaptop(): Promise<Record<string, string>> {
  const [home, programs, runs] = [`${folder}/home`, `${folder}/bin`, `${folder}/runs`] as const;
  await Deno.mkdir(`${home}/.azure`, { recursive: true });
  const subscription = {
    id: crypto.randomUUID(),
    tenantId: crypto.randomUUID(),
    user: { name: "a@b.c", type: "user" },
    isDefault: true,
  };
  await Deno.writeTextFile(`${home}/.azure/azureProfile.json`, JSON.stringify({ subscriptions: [subscription] }));
  await Deno.mkdir(programs);
  const output = {
    accessToken: "x".repeat(1500),
    expires_on: Math.floor(Date.now() / 1000) + 3600,
    tokenType: "Bearer",
  };
  await Deno.writeTextFile(
    `${programs}/az`,
    `#!/bin/sh\necho run >> '${runs}'\nsleep ${AZ_IN_MS / 1000}\ncat << END\n${JSON.stringify(output)}\nEND\n`,
    { mode: 0o755 },
  );
  return { HOME: home, AZURE_CONFIG_DIR: `${home}/.azure`, PATH: `${programs}:${Deno.env.get("PATH")}`, AZ_RUNS: runs };
}

/** Returns the medians of each library's figures. Each round runs both libraries, in alternating order. */
async function takeTurns<Figures extends Record<string, number>>(
  run: (library: string) => Promise<string>,
): Promise<Record<"ours" | "theirs", Figures>> {
  const [ours, theirs] = await medians(
    ["ours", "theirs"],
    async (library) => JSON.parse(await run(library)) as Figures,
  );
  return { ours: ours!, theirs: theirs! };
}

/** Returns the median of each figure, for each name. */
async function medians<Figures extends Record<string, number>>(
  names: readonly string[],
  measure: (name: string) => Promise<Figures>,
): Promise<Figures[]> {
  const rounds = new Map(names.map((name): [string, Figures[]] => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 ? names.toReversed() : names) rounds.get(name)!.push(await measure(name));
  }
  return [...rounds.values()].map((all) =>
    Object.fromEntries(
      Object.keys(all[0]!).map((key) => [key, all.map((one) => one[key]!).sort((a, b) => a - b)[ROUNDS >> 1]!]),
    ) as Figures
  );
}

async function cachedCalls(runtime: string, run: (way: string, library: string) => Promise<string>): Promise<Row[]> {
  const measure = async (way: string) => {
    const [ours, theirs, promise] = await medians(
      ["ours", "theirs", "a resolved promise"],
      async (library) => ({ us: Number(await run(way, library)) }),
    );
    return { ours: ours!.us, theirs: theirs!.us, promise: promise!.us };
  };
  const [plain, client, machine] = [await measure("plain"), await measure("client"), await measure("machine")];
  const floor = microseconds(plain.promise);
  return [
    {
      what: `cached token, ${runtime}; awaiting a resolved promise takes ${floor}`,
      ours: microseconds(plain.ours),
      theirs: microseconds(plain.theirs),
      ratio: plain.theirs / plain.ours,
      target: "0.5 µs, and 100 times",
      isTime: true,
      ofTarget: Math.max(plain.ours / 0.5, 100 * plain.ours / plain.theirs),
    },
    {
      what: `the same, called as clients of the Azure SDK do, which also cache tokens themselves, ${runtime}`,
      ours: microseconds(client.ours),
      theirs: microseconds(client.theirs),
      ratio: client.theirs / client.ours,
    },
    {
      what: `cached token of a virtual machine's identity, ${runtime}`,
      ours: microseconds(machine.ours),
      theirs: microseconds(machine.theirs),
      ratio: machine.theirs / machine.ours,
      target: "100 times",
      isTime: true,
      ofTarget: 100 * machine.ours / machine.theirs,
    },
  ];
}

function coldCalls({ ours, theirs }: Record<"ours" | "theirs", ColdCalls>): Row[] {
  const requests = (
    what: string,
    name: "one" | "many" | "knownCloud" | "otherHost" | "machine",
    target?: number,
  ): Row => ({
    what,
    ours: count(ours[name], "request"),
    theirs: count(theirs[name], "request"),
    ratio: theirs[name] / ours[name],
    ...target && { target: count(target, "request"), ofTarget: ours[name] / target },
  });
  const time = (what: string, name: "silentMs" | "silentAgainMs", targetMs?: number): Row => ({
    what,
    ours: milliseconds(ours[name]),
    theirs: milliseconds(theirs[name]),
    // No ratio where the time limit of the probe determines the time of both libraries.
    ...!targetMs && { ratio: theirs[name] / ours[name] },
    ...targetMs && { target: milliseconds(targetMs), ofTarget: ours[name] / targetMs, isTime: true },
  });
  const ending = ({ rejected, afterMs, othersWithToken }: ColdCalls) =>
    `${rejected ? "rejects" : "resolves"} after ${milliseconds(afterMs)}, ${othersWithToken} of 2 others have a token`;
  // Ten milliseconds until the abort, and some for timers and the other work of the process.
  const aborted = ours.rejected && ours.othersWithToken === 2 && ours.afterMs < 50;
  return [
    requests("1,000 calls at once, one credential", "one", 1),
    requests("1,000 calls at once, 1,000 equal credentials", "many", 1),
    requests("1,000 calls at once, the identity of a virtual machine", "machine", 1),
    requests("first token, known cloud", "knownCloud", 1),
    requests("first token, another authority host, with `disableInstanceDiscovery`", "otherHost"),
    {
      what: "a caller aborts after 10 ms, the service takes 100 ms",
      ours: ending(ours),
      theirs: ending(theirs),
      target: "rejects at once, the others have a token",
      ofTarget: aborted ? 1 : Infinity,
    },
    // One second for the probe and a tenth of a second for everything else.
    time("chain of the production credentials, no variables, the metadata service does not respond", "silentMs", 1100),
    time("the same chain, second call", "silentAgainMs"),
  ];
}

function laptop({ ours, theirs }: Record<"ours" | "theirs", Laptop>): Row[] {
  const targetMs = Math.max(PROBE_IN_MS, AZ_IN_MS) * 1.1;
  return [
    {
      what:
        `default chain on a laptop, no response from the metadata service, \`az\` takes ${AZ_IN_MS} ms: first token`,
      ours: milliseconds(ours.firstMs),
      theirs: milliseconds(theirs.firstMs),
      ratio: theirs.firstMs / ours.firstMs,
      target: milliseconds(targetMs),
      isTime: true,
      ofTarget: ours.firstMs / targetMs,
    },
    {
      what: "the same, second token",
      ours: microseconds(ours.secondMs * 1000),
      theirs: milliseconds(theirs.secondMs),
      ratio: theirs.secondMs / ours.secondMs,
      target: "0.5 µs",
      isTime: true,
      ofTarget: ours.secondMs * 1000 / 0.5,
    },
    {
      what: "20 calls at once, Azure CLI: how often `az` is started",
      ours: count(ours.processes, "run"),
      theirs: count(theirs.processes, "run"),
      ratio: theirs.processes / ours.processes,
      target: "1 run",
      ofTarget: ours.processes,
    },
  ];
}

async function importTimes(): Promise<Row[]> {
  const subpath = `${OURS}/client-secret-credential`;
  const times = await measureImports(`${folder}/both`, [OURS, subpath, THEIRS]);
  const theirs = times[THEIRS]!;
  return [OURS, subpath].map((name) => ({
    what: `\`import "${name}"\` on Node, above an empty process`,
    ours: milliseconds(times[name]!),
    theirs: milliseconds(theirs),
    ratio: theirs / times[name]!,
    target: `an eighth: ${milliseconds(theirs / 8)}`,
    isTime: true,
    ofTarget: times[name]! / (theirs / 8),
  }));
}

async function bundles(): Promise<Row[]> {
  const machineSubpath = "/managed-identity-credential";
  const secretSubpath = "/client-secret-credential";
  const completeSubpath = "/default-azure-credential";
  const [
    secret,
    secretWhole,
    machine,
    machineMain,
    machineWhole,
    azureCli,
    azureCliWhole,
    complete,
    completeMain,
    completeWhole,
    ...edge
  ] = await Promise.all([
    bundle("ClientSecretCredential", { target: 9000, subpath: secretSubpath }),
    bundle("ClientSecretCredential", { whole: true }),
    bundle("ManagedIdentityCredential", { target: 5000, subpath: machineSubpath }),
    bundle("ManagedIdentityCredential"),
    bundle("ManagedIdentityCredential", { whole: true }),
    bundle("AzureCliCredential", { target: 5000, subpath: "/azure-cli-credential" }),
    bundle("AzureCliCredential", { whole: true, subpath: "/azure-cli-credential" }),
    bundle("DefaultAzureCredential", { target: 22_000, subpath: completeSubpath }),
    bundle("DefaultAzureCredential"),
    bundle("DefaultAzureCredential", { whole: true }),
    ...EDGE.map(([name, subpath, target]) => bundle(name, { platform: "edge", subpath, whole: true, target })),
  ]);
  const builtins = ({ builtins }: { builtins: readonly string[] }) =>
    builtins.length ? `${builtins.length}: ${builtins.join(", ")}` : "none";
  const [secretOnEdge] = edge;
  return [
    { ...secret.row, what: `${secret.row.what}, from \`${OURS}${secretSubpath}\`` },
    { ...secretWhole.row, what: "the same in one piece, with what `import()` loads: regions, unknown authorities" },
    { ...machine.row, what: `${machine.row.what}, from \`${OURS}${machineSubpath}\`` },
    { ...machineMain.row, what: `the same from \`${OURS}\`` },
    {
      ...machineWhole.row,
      what: "the same in one piece, with what `import()` loads: all sources, and workload identity",
    },
    { ...azureCli.row, what: `${azureCli.row.what}, from \`${OURS}/azure-cli-credential\`` },
    { ...azureCliWhole.row, what: "the same in one piece, with what `import()` loads: running the tool" },
    { ...complete.row, what: `${complete.row.what}, from \`${OURS}${completeSubpath}\`` },
    { ...completeMain.row, what: `the same from \`${OURS}\`` },
    { ...completeWhole.row, what: "the same in one piece, with what `import()` loads" },
    ...edge.map(({ row }, index) => ({
      ...row,
      what: `${row.what}, in one piece on the condition \`workerd\`, from \`${OURS}${EDGE[index]![1]}\``,
    })),
    {
      what: "built-in modules of Node in an edge bundle (condition `workerd`)",
      ours: builtins(secretOnEdge!.ours),
      theirs: builtins(secretOnEdge!.theirs),
      target: "none",
      ofTarget: secretOnEdge!.ours.builtins.length ? Infinity : 1,
    },
  ];
}

async function bundle(
  name: string,
  { platform = "node", subpath = "", whole = false, target }: {
    platform?: "node" | "edge";
    /** The subpath of our package. Theirs has no subpaths. */
    subpath?: string;
    whole?: boolean;
    target?: number;
  } = {},
) {
  const [ours, theirs] = await Promise.all(
    [OURS + subpath, THEIRS].map((from) => measureBundle(`${folder}/both`, name, { from, platform, whole })),
  );
  const row: Row = {
    what: `bundle with \`${name}\`, minified and gzipped`,
    ours: kilobytes(ours!.gzip),
    theirs: kilobytes(theirs!.gzip),
    ratio: theirs!.gzip / ours!.gzip,
    ...target && { target: kilobytes(target), ofTarget: ours!.gzip / target },
  };
  return { ours: ours!, theirs: theirs!, row };
}

async function measureInstalled(sources: Record<"ours" | "theirs", string>) {
  const ours = await measureInstall(`${folder}/ours`, sources.ours, OURS);
  const theirs = await measureInstall(`${folder}/theirs`, sources.theirs, THEIRS);
  const rows: Row[] = [
    {
      what: "dependencies, whole tree",
      ours: count(ours.dependencies, "package"),
      theirs: count(theirs.dependencies, "package"),
      ratio: theirs.dependencies / ours.dependencies,
      target: count(2, "package"),
      ofTarget: ours.dependencies / 2,
    },
    {
      what: "space on the disk, dependencies included",
      ours: `${(ours.bytes / 1e6).toFixed(1)} MB`,
      theirs: `${(theirs.bytes / 1e6).toFixed(1)} MB`,
      ratio: theirs.bytes / ours.bytes,
    },
  ];
  return { versions: { [OURS]: ours.version, [THEIRS]: theirs.version }, rows };
}

/** Returns the text above the table: versions, machine and method. */
async function introduction(versions: Readonly<Record<string, string>>): Promise<string> {
  const node = (await runOrThrow("node", ["--version"])).trim().slice(1);
  const packages = Object.entries(versions).map(([name, version]) => `\`${name}\` ${version}`).join(" and ");
  return `# Bench results

Written by \`deno task bench\` on ${
    new Date().toISOString().slice(0, 10)
  }: ${packages}, on Node ${node} and Deno ${Deno.version.deno},
${Deno.build.os} (${Deno.build.arch}), ${count(navigator.hardwareConcurrency, "core")}.

Times are medians of rounds that measure both libraries in alternating order. Another machine gives other times and similar ratios. A function
replaces the token service: it returns the same bytes to both libraries, without delay unless the row names one. A kilobyte has 1,000 bytes. The
size of a bundle does not include what \`import()\` loads later. Clients of the Azure SDK call \`getToken\` with an array of scopes,
\`enableCae\` and an abort signal.`;
}
