/**
 * Compares this library with the official ones on one simulated cloud, runs the official tools, and checks the types of
 * programs with the clients of the Azure SDK: `deno task judges`. Installs what it needs in a cache of the project.
 *
 * `--only chains`, `--only tools` or `--only types` runs one of the three parts. `--filter` limits the comparison to
 * the environments whose name matches a regular expression. Needs root on Linux, Python, Go and npm.
 *
 * @module
 */
import { stop } from "esbuild";
import { parseArgs } from "node:util";
import { whyNoLaptop } from "../tests/support/interop/boxed_laptop.ts";
import { checkTypes } from "./judges/check_types.ts";
import { compareChains, describeRows } from "./judges/compare_chains.ts";
import { compareTools } from "./judges/compare_tools.ts";
import { installJudges } from "./judges/install.ts";
import { readArguments } from "./usage.ts";

const PARTS = ["chains", "tools", "types"] as const;
const USAGE = `Usage: deno task judges [--only <${
  PARTS.join("|")
}>] [--filter <regular expression for the environments>]`;

/** Parses the arguments. Throws an error if one is not valid. */
function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: { only: { type: "string" }, filter: { type: "string", default: "" } },
  });
  const parts = PARTS.filter((part) => part === (values.only ?? part));
  if (parts.length === 0) throw new Error(`--only must be one of: ${PARTS.join(", ")}`);
  return { parts, filter: new RegExp(values.filter) };
}

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { parts, filter } = readArguments(args, USAGE, () => readOptions(args));
  const problems: string[] = [];
  console.log(`Load average: ${Deno.loadavg().map((load) => load.toFixed(1)).join(", ")}\n`);
  if (parts.includes("types")) problems.push(...await checkTypes());
  if (parts.includes("chains") || parts.includes("tools")) {
    const why = await whyNoLaptop();
    if (why) throw new Error(why);
    const { programs, versions } = await installJudges();
    console.log(Object.entries(versions).map(([name, version]) => `${name}: ${version}`).join("\n"));
    if (parts.includes("chains")) {
      const { rows, problems: found } = await compareChains({ ...programs, azd: undefined }, filter);
      console.log(`\nCredential of the token, number of requests, time\n\n${describeRows(rows)}`);
      problems.push(...found);
    }
    if (parts.includes("tools")) problems.push(...await compareTools(programs, versions));
  }
  console.log(problems.length === 0 ? "\nEach difference has a listed reason" : `\n${problems.join("\n")}`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } finally {
    await stop();
  }
}
