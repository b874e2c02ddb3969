/** Throws on Deno where the program may not be started. Asks nobody: which of several paths is meant, nobody could tell from the question. */
export function checkRunPermission(command: string): void {
  if (Deno.permissions.querySync({ name: "run", command }).state !== "granted") {
    throw new Deno.errors.NotCapable(`Run Deno with --allow-run=${command}`);
  }
}
