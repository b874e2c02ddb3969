import process from "node:process";

/** Returns what `read` makes of a script's arguments. Ends the process with the usage if that is asked for, or if `read` throws. */
export function readArguments<T>(args: readonly string[], usage: string, read: () => T): T {
  if (args.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    // What is cut off is advice for scripts that take any text.
    console.error(`${(error as Error).message.split(". To specify")[0]}\n\n${usage}`);
    process.exit(2);
  }
}
