// What it takes on a developer's machine: the metadata service is silent, and somebody is signed in with the Azure CLI, for which a program
// on PATH stands in. Prints JSON: for each library what was counted and, in milliseconds, measured.
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { CONTENDERS, type Credential, SCOPE } from "./libraries.ts";

const CALLS = 20;
const REMEMBERED = 100_000;
/** The stand-in writes a line for each of its runs. */
const RUNS = process.env.AZ_RUNS!;

const result: Record<string, Record<string, number>> = {};
for (const { name, startOnLaptop, createAzureCli } of CONTENDERS) {
  const chain = startOnLaptop();
  const firstMs = await measure(chain, 1);
  const again = await measure(chain, 1);
  // Whoever asks again in no time is asked often enough to tell.
  const secondMs = again < 10 ? await measure(chain, REMEMBERED) : again;
  await writeFile(RUNS, "");
  const az = createAzureCli();
  await Promise.all(Array.from({ length: CALLS }, () => az.getToken(SCOPE)));
  const processes = (await readFile(RUNS, "utf8")).trim().split("\n").length;
  result[name] = { firstMs, secondMs, processes };
}
console.log(JSON.stringify(result));

/** Returns how long a call takes, of so many one after the other. */
async function measure(credential: Credential, calls: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await credential.getToken(SCOPE);
  return (performance.now() - start) / calls;
}
