/**
 * Runs the test suite on every runtime: Deno from source; Node, Bun, workerd, an edge VM and a browser with the packed
 * npm package.
 *
 * `deno task test` runs all. `deno task test deno node --filter cache` runs the test files with "cache" in their path
 * on those two. With `--costs` it prints the processor time of each file.
 *
 * A run on a runtime is cut if no test ends for five minutes, and the report names the tests that had not ended. If a
 * signal ends this script, it names them too. The processes that it has started are ended even if it is killed. A
 * runtime that the machine cannot run is reported as skipped. If the variable `CI` is `true`, a skipped test or runtime
 * is an error.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { stop } from "esbuild";
import { printCosts } from "./costs.ts";
import { failure, type Outcome, type Result, Unavailable } from "./outcome.ts";
import { cpuSecondsOf } from "./processes.ts";
import { type FileCost, listUnfinished } from "./progress.ts";
import { cleanUpAfterThisProcess, endAllRuns, SIGNALS } from "./run.ts";
import { runBrowser } from "./run_browser.ts";
import { runBun } from "./run_bun.ts";
import { runDeno } from "./run_deno.ts";
import { runNode } from "./run_node.ts";
import { runEdge } from "./run_edge.ts";
import { workerd } from "./run_workerd.ts";
import type { Suite } from "./suite.ts";
import { stripTests, type TestFile } from "./test_files.ts";
import { makeTestProject } from "./test_project.ts";
import { readArguments } from "./usage.ts";

/** The runtimes, with the names that the arguments use. Some names stand for several versions. */
const RUNTIMES: readonly (readonly [name: string, run: (suite: Suite) => Promise<Result>])[] = [
  ["deno", runDeno],
  ["node", runNode],
  ["bun", runBun],
  ["workerd", workerd("older", [])],
  ["workerd", workerd("older", ["nodejs_compat"])],
  ["workerd", workerd("newer", [])],
  ["workerd", workerd("newer", ["nodejs_compat"])],
  ["edge", runEdge],
  ["browser", runBrowser],
];

const NAMES = [...new Set(RUNTIMES.map(([name]) => name))];
const USAGE = `Usage: deno task test [${NAMES.join("|")}]... [--filter <part of a test file's path>] [--costs]`;

const STATUSES = ["passed", "failed", "skipped"] as const;

interface Row extends Result {
  readonly costs: readonly FileCost[];
  readonly seconds: number;
}

async function runOne(name: string, run: (suite: Suite) => Promise<Result>, suite: Suite): Promise<Row> {
  const start = performance.now();
  const { runtime, outcomes, figures = "", costs = [] } = await run(suite).catch((error): Result => {
    if (error instanceof Unavailable) {
      return { runtime: name, outcomes: [{ name: "all", status: "skipped", message: error.message }] };
    }
    return { runtime: name, outcomes: [failure("all", String(error?.stack ?? error))] };
  });
  const seconds = (performance.now() - start) / 1000;
  return {
    runtime,
    seconds,
    figures,
    costs,
    outcomes: outcomes.length > 0 ? outcomes : [failure("all", "No test was run")],
  };
}

/** Runs the suite on four runtimes at a time, because most of them wait for timers and processes half of the time. */
async function runAll(runtimes: typeof RUNTIMES, suite: Suite): Promise<Row[]> {
  const queue = [...runtimes];
  const rows: Row[] = [];
  async function work(): Promise<void> {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const row = await runOne(...next, suite);
      rows.push(row);
      printRow(row);
    }
  }
  await Promise.all([work(), work(), work(), work()]);
  return rows;
}

function count(outcomes: readonly Outcome[], status: Outcome["status"]): number {
  return outcomes.filter((outcome) => outcome.status === status).length;
}

function printRow({ runtime, outcomes, seconds, figures }: Row): void {
  const counts = STATUSES.map((status) => `${count(outcomes, status)} ${status}`).join(", ");
  console.log(`${runtime}: ${counts} (${seconds.toFixed(1)} s)`);
  if (figures) console.log(figures.replace(/^/gm, "  "));
  for (const { name, status, message = "" } of outcomes) {
    if (status === "failed") console.log(`  FAILED ${name}\n${indent(message)}`);
    if (status === "skipped") console.log(`  SKIPPED ${name}${message && `: ${message.split("\n")[0]}`}`);
  }
}

function indent(message: string): string {
  return message.split("\n").slice(0, 16).map((line) => `    ${line}`).join("\n");
}

function printTable(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ runtime }) => runtime.length));
  console.log(`\n${"".padEnd(width)}${STATUSES.map((status) => status.padStart(9)).join("")}  seconds  CPU seconds`);
  for (const { runtime, outcomes, seconds, costs } of rows) {
    const counts = STATUSES.map((status) => String(count(outcomes, status)).padStart(9)).join("");
    const cpu = costs.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
    console.log(runtime.padEnd(width) + counts + seconds.toFixed(1).padStart(9) + cpu.toFixed(1).padStart(13));
  }
  const cpu = cpuSecondsOf(Deno.pid);
  if (cpu !== undefined) console.log(`Processor time, with the preparation: ${cpu.toFixed(1)} s`);
}

/** Prints the test files of each set of runtimes. Of the files that run on most runtimes, prints only the number. */
function printFiles(files: readonly TestFile[], names: readonly string[]): void {
  const byRuntimes = Map.groupBy(files, ({ runtimes }) => runtimes.filter((name) => names.includes(name)).join(", "));
  byRuntimes.delete("");
  const most = [...byRuntimes.keys()].sort((a, b) => b.length - a.length)[0];
  for (const [runtimes, group] of byRuntimes) {
    const names = runtimes === most ? "" : `: ${group.map(({ source }) => source.replace("tests/", "")).join(", ")}`;
    console.log(`${group.length} test files for ${runtimes}${names}`);
  }
}

/** Parses the arguments. Throws an error if one is not valid. */
function parseOptions(args: string[]) {
  const { values, positionals: names } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: { filter: { type: "string", default: "" }, costs: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`There is no runtime "${unknown}"`);
  return { ...values, names };
}

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const { filter, costs, names } = readArguments(args, USAGE, () => parseOptions(args));
  const scratch = await Deno.makeTempDir({ prefix: "azweb-identity-test-" });
  const folder = `${scratch}/project`;
  await Deno.mkdir(folder);
  // Temporary files that a test does not remove are in this folder, which is removed too.
  await Deno.mkdir(`${scratch}/tmp`);
  for (const name of ["TMPDIR", "TMP", "TEMP"]) Deno.env.set(name, `${scratch}/tmp`);
  addEventListener("unload", () => {
    endAllRuns();
    try {
      Deno.removeSync(scratch, { recursive: true });
    } catch (error) {
      console.error(`Cannot remove ${scratch}: ${error}`);
    }
  });
  cleanUpAfterThisProcess(scratch);
  for (const signal of SIGNALS) {
    Deno.addSignalListener(signal, () => {
      const unfinished = listUnfinished().map((name) => `\n  ${name}`).join("");
      console.error(`${signal}: the run was ended${unfinished && `, and these had not ended:${unfinished}`}`);
      Deno.exit(130);
    });
  }
  // An error that is thrown in a callback must not keep the process from cleaning up.
  addEventListener("error", ({ error }) => exit(error));
  addEventListener("unhandledrejection", ({ reason }) => exit(reason));
  function exit(error: Error): never {
    console.error(error);
    Deno.exit(1);
  }
  try {
    const { files, packages } = await stripTests(folder);
    const chosen = files.filter(({ source }) => source.includes(filter));
    const filesFor = (runtime: string) => chosen.filter(({ runtimes }) => runtimes.includes(runtime));
    // Without a file as argument, a runner would run every test that it finds.
    const runtimes = RUNTIMES.filter(([name]) =>
      (names.length === 0 || names.includes(name)) && filesFor(name).length > 0
    );
    if (runtimes.length === 0) {
      const where = names.length > 0 ? ` for ${names.join(", ")}` : "";
      console.error(`Cannot run tests: no test file${where} has "${filter}" in its path`);
      return 1;
    }
    printFiles(chosen, runtimes.map(([name]) => name));
    let installed: Promise<void> | undefined;
    const rows = await runAll(runtimes, {
      folder,
      filesFor,
      install: () => installed ??= makeTestProject(folder, packages),
    });
    if (costs) printCosts(rows);
    printTable(rows);
    const outcomes = rows.flatMap((row) => row.outcomes);
    console.log(`\n${STATUSES.map((status) => `${count(outcomes, status)} ${status}`).join(", ")}`);
    const mayNot = Deno.env.get("CI") === "true" ? ["failed", "skipped"] : ["failed"];
    return outcomes.some(({ status }) => mayNot.includes(status)) ? 1 : 0;
  } finally {
    await stop();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
