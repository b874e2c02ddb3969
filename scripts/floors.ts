/**
 * Runs a smoke test on the oldest supported and on the newest release of Node, Deno and Bun; and on the releases just
 * before the oldest, on which the library must throw an error of one sentence. The releases come from npm, which caches
 * them.
 *
 * `deno task floors` runs all, `deno task floors bun deno` those of two runtimes, and `deno task floors node@23.1.0`
 * one release.
 *
 * @module
 */

import { stop } from "esbuild";
import { startProgram, stopModules } from "../tests/support/child.ts";
import { type Cloud, startCloud } from "./floors/cloud.ts";
import { failure, type Outcome, Unavailable } from "./outcome.ts";
import { ROOT, run } from "./run.ts";
import { makeTestProject } from "./test_project.ts";
import { readArguments } from "./usage.ts";

/** The supported releases, as in the README and in the error on a release that is too old. */
const SUPPORTED = { node: "Node 20.19, 22.3 or newer", deno: "Deno 2.5 or newer", bun: "Bun 1.3 or newer" } as const;

type RuntimeName = keyof typeof SUPPORTED;

interface Release {
  readonly runtime: RuntimeName;
  readonly version: string;
  /** Whether the release is too old. Default: `false`. */
  readonly isRefused?: boolean;
  /** Whether `require()` loads ES modules. Default: `true`. */
  readonly canRequire?: boolean;
}

const RELEASES: readonly Release[] = [
  { runtime: "node", version: "20.18.3", isRefused: true, canRequire: false },
  { runtime: "node", version: "20.19.0" },
  { runtime: "node", version: "22.2.0", isRefused: true, canRequire: false },
  { runtime: "node", version: "22.3.0", canRequire: false },
  { runtime: "node", version: "22.12.0" },
  { runtime: "node", version: "22.23.3" },
  { runtime: "node", version: "24.21.0" },
  { runtime: "node", version: "26.10.0" },
  { runtime: "deno", version: "2.4.4", isRefused: true },
  { runtime: "deno", version: "2.5.0" },
  { runtime: "deno", version: "2.9.6" },
  { runtime: "bun", version: "1.2.23", isRefused: true },
  { runtime: "bun", version: "1.3.0" },
  { runtime: "bun", version: "1.4.5" },
];

const USAGE = "Usage: deno task floors [node|deno|bun|<runtime>@<version>]...";
const STATUSES = ["passed", "failed", "skipped"] as const;
/** The configuration with which Deno imports the source. Without it, Deno imports the npm package. */
const SOURCE = "source.json";
const FIVE_MINUTES = 300_000;

/** What the smoke test needs. */
interface Site {
  /** An npm project with the packed package. */
  readonly folder: string;
  readonly cloud: Cloud;
  /** The subpaths that the package exports, such as `/testing`, and `""` for the main module. */
  readonly subpaths: readonly string[];
}

/** A line that the smoke test prints. */
interface Finding {
  readonly name: string;
  /** A token, or the name of an expected error. */
  readonly found?: string;
  /** Why the check failed. */
  readonly error?: string;
}

/** Creates an npm project for the smoke test. Deno also runs it with the source. Returns the subpaths. */
async function makeProject(folder: string): Promise<readonly string[]> {
  await makeTestProject(folder, []);
  const { name, exports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    name: string;
    exports: Record<string, string>;
  };
  const subpaths = Object.keys(exports).map((subpath) => subpath.slice(1));
  const imports = Object.fromEntries(subpaths.map((subpath) => [name + subpath, ROOT + exports[`.${subpath}`]]));
  await Deno.writeTextFile(`${folder}/${SOURCE}`, JSON.stringify({ imports, nodeModulesDir: "manual" }));
  await Deno.copyFile(`${ROOT}scripts/floors/smoke.js`, `${folder}/smoke.js`);
  return subpaths;
}

/** Installs a release and returns the path of its executable. */
async function install({ runtime, version }: Release, cwd: string): Promise<string> {
  const program = runtime === "deno" ? ["eval", "console.log(Deno.execPath())"] : ["-p", "process.execPath"];
  const { code, stdout, stderr } = await run("npx", ["-y", `${runtime}@${version}`, ...program], { cwd });
  if (code !== 0) throw new Unavailable(`npx cannot run ${runtime}@${version}: ${stderr.trim()}`);
  return stdout.trim();
}

/** Runs the smoke test on a release. */
async function smoke(release: Release, { folder, cloud, subpaths }: Site): Promise<Outcome[]> {
  const { runtime, canRequire = runtime !== "deno" } = release;
  const path = await install(release, folder);
  const names = ["import", ...canRequire ? ["require"] : [], ...Object.keys(cloud.verify)];
  const deno = ["run", "--quiet", "--allow-all", "--no-lock", "--node-modules-dir=manual"];
  const ways = runtime === "deno"
    ? { "source": [...deno, `--config=${SOURCE}`], "npm package": deno }
    : { "npm package": [] };
  const outcomes: Outcome[] = [];
  for (const [way, options] of Object.entries(ways)) {
    const argument = JSON.stringify({ ...cloud.options, subpaths });
    const child = startProgram([path, ...options, "smoke.js", argument], { cwd: folder, env: cloud.env });
    const limit = setTimeout(() => child.stop(), FIVE_MINUTES);
    const { code, stdout, stderr } = await child.ended;
    clearTimeout(limit);
    const findings: Finding[] = stdout.split("\n").filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
    for (const name of names) {
      const finding = findings.find((finding) => finding.name === name);
      const problem = finding
        ? await problemOf(finding, release, cloud)
        : `The program ended with ${code} before this check. ${stderr}`;
      const title = `${name} (${way})`;
      outcomes.push(problem === undefined ? { name: title, status: "passed" } : failure(title, problem));
    }
  }
  return outcomes;
}

/** Returns the problem of a finding, or `undefined` if it is right. */
async function problemOf(
  { name, found = "", error }: Finding,
  { runtime, version, isRefused = false }: Release,
  { verify }: Cloud,
): Promise<string | undefined> {
  const verifyFound = verify[name];
  if (isRefused && verifyFound) {
    const [label] = SUPPORTED[runtime].split(" ");
    const refusal = `Error: This is ${label} ${version}: @azweb/identity needs ${SUPPORTED[runtime]}`;
    return error === refusal ? undefined : `Expected "${refusal}", found "${error ?? found}"`;
  }
  return error ?? await verifyFound?.(found).then(() => undefined, String);
}

/** Checks that the README states the supported releases. */
async function checkReadme(): Promise<Outcome[]> {
  const text = await Deno.readTextFile(`${ROOT}README.md`);
  return Object.values(SUPPORTED).map((supported) =>
    text.includes(supported)
      ? { name: supported, status: "passed" }
      : failure(supported, `README.md does not state "${supported}"`)
  );
}

function print(title: string, outcomes: readonly Outcome[], start: number): void {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${title}: ${countsOf(outcomes)} (${seconds} s)`);
  for (const { name, status, message = "" } of outcomes) {
    if (status !== "passed") console.log(`  ${status.toUpperCase()} ${name}: ${message.replaceAll("\n", "\n    ")}`);
  }
}

function countsOf(outcomes: readonly Outcome[]): string {
  return STATUSES.map((wanted) => `${outcomes.filter(({ status }) => status === wanted).length} ${wanted}`).join(", ");
}

/** Runs the smoke test on the releases, two at a time, and prints the outcomes. */
async function smokeAll(releases: readonly Release[], site: Site): Promise<Outcome[]> {
  const queue = releases.values();
  const all: Outcome[] = [];
  async function work(): Promise<void> {
    for (const release of queue) {
      const { runtime, version, isRefused } = release;
      const start = performance.now();
      const outcomes = await smoke(release, site).catch((error): Outcome[] =>
        error instanceof Unavailable
          ? [{ name: "all", status: "skipped", message: error.message }]
          : [failure("all", String(error?.stack ?? error))]
      );
      all.push(...outcomes);
      print(`${runtime} ${version}${isRefused ? " is refused" : ""}`, outcomes, start);
    }
  }
  await Promise.all([work(), work()]);
  return all;
}

/** Returns the releases that the arguments name. Throws if an argument names no runtime. */
function readReleases(args: readonly string[]): readonly Release[] {
  if (args.length === 0) return RELEASES;
  return args.flatMap((arg) => {
    const [runtime = "", version] = arg.split("@");
    if (!Object.hasOwn(SUPPORTED, runtime)) throw new Error(`There is no runtime "${runtime}"`);
    const known = RELEASES.filter((release) => release.runtime === runtime && version === (version && release.version));
    return known.length > 0 || !version ? known : [{ runtime: runtime as RuntimeName, version }];
  });
}

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const releases = readArguments(args, USAGE, () => readReleases(args));
  const folder = await Deno.makeTempDir({ prefix: "azweb-identity-floors-" });
  try {
    const subpaths = await makeProject(folder);
    const cloud = await startCloud(folder);
    const start = performance.now();
    const outcomes = await checkReadme();
    print("README.md", outcomes, start);
    outcomes.push(...await smokeAll(releases, { folder, cloud, subpaths }));
    await cloud.close();
    console.log(`\n${countsOf(outcomes)}`);
    const mayNot = Deno.env.get("CI") === "true" ? ["failed", "skipped"] : ["failed"];
    return outcomes.some(({ status }) => mayNot.includes(status)) ? 1 : 0;
  } finally {
    await stop();
    await stopModules();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
