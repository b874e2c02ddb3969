import process from "node:process";

/**
 * Returns the result of `read` for a script's arguments. With `--help`, or if `read` throws, prints the usage and ends
 * the process.
 */
export function readArguments<T>(args: readonly string[], usage: string, read: () => T): T {
  if (args.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    // Without the advice of `parseArgs` for positional arguments that begin with "-".
    console.error(`${(error as Error).message.split(". To specify")[0]}\n\n${usage}`);
    process.exit(2);
  }
}
