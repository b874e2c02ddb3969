/**
 * Runs code on Deno with given permissions only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** The root of the project. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** Code that counts later permission prompts in `questions`. */
export const COUNT_QUESTIONS = `
  let questions = 0;
  for (const name of ["request", "requestSync"]) {
    const ask = Deno.permissions[name];
    Deno.permissions[name] = (descriptor) => (questions++, ask.call(Deno.permissions, descriptor));
  }
`;

/**
 * Runs code that imports the library by its name, with only these flags. Returns its output, and rejects if it fails.
 */
export async function runWithFlags(flags: string[], code: string, env: Record<string, string> = {}): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--ext=ts", ...flags, "-"],
    cwd: ROOT,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}
