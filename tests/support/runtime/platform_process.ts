/**
 * Detects the platform repeatedly with different globals, and prints the results as a JSON array.
 *
 * @module
 */
import { detectPlatform } from "@azweb/identity/runtime";
import process from "node:process";

const globals: Readonly<Record<string, unknown>>[] = JSON.parse(process.argv[2]!);
const { log } = console;
const outcomes: string[] = [];
for (const values of globals) {
  for (const name of ["Deno", "navigator", "process"]) {
    Object.defineProperty(globalThis, name, { value: values[name], configurable: true });
  }
  try {
    outcomes.push(detectPlatform());
  } catch (error) {
    outcomes.push(String(error));
  }
}
log(JSON.stringify(outcomes));
