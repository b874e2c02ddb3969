// Acquires tokens on a developer's machine: the metadata service does not respond, and a user is signed in with the Azure CLI, for which a
// program on PATH stands in. Takes the name of the library. Prints JSON: what was counted and, in milliseconds, measured.
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { CONTENDERS, type Credential, SCOPE } from "./libraries.ts";

const CALLS = 20;
const CACHED = 100_000;
/** The stand-in writes a line for each of its runs. */
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

/** Returns how long a call takes, of so many one after the other. */
async function measure(credential: Credential, calls: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await credential.getToken(SCOPE);
  return (performance.now() - start) / calls;
}
