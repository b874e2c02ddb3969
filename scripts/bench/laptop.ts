// Acquires tokens on a developer's machine: the metadata service does not respond, and a user is signed in with the
// Azure CLI, which a program on PATH replaces. The argument is the name of the library. Prints the counts and the
// times, in milliseconds, as JSON.
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { CONTENDERS, type Credential, SCOPE } from "./libraries.ts";

const CALLS = 20;
const CACHED = 100_000;
/** The file to which the Azure CLI's replacement writes a line per run. */
const RUNS = process.env.AZ_RUNS!;

const { startOnLaptop, createAzureCli } = CONTENDERS.find(({ name }) => name === process.argv[2])!;
const chain = startOnLaptop();
const firstMs = await measure(chain, 1);
const again = await measure(chain, 1);
// A cached call is too short to be measured alone.
const secondMs = again < 10 ? await measure(chain, CACHED) : again;
await writeFile(RUNS, "");
const az = createAzureCli();
await Promise.all(Array.from({ length: CALLS }, () => az.getToken(SCOPE)));
const processes = (await readFile(RUNS, "utf8")).trim().split("\n").length;
console.log(JSON.stringify({ firstMs, secondMs, processes }));

/** Returns the average time of a call, of several calls in sequence. */
async function measure(credential: Credential, calls: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await credential.getToken(SCOPE);
  return (performance.now() - start) / calls;
}
