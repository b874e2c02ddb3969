// Runs on: deno
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Runs a program with these permissions, and returns what it writes. */
async function run(program: string, permissions: readonly string[] = []): Promise<string> {
  const args = ["run", "--no-prompt", "--ext=ts", "--config", CONFIG, ...permissions, "-"];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`import * as sources from "@azweb/identity/federation";\n${program}`));
  await writer.close();
  const { stdout, stderr } = await child.output();
  return new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
}

test("the module is imported without a permission", async () => {
  assert.equal((await run("console.log(typeof sources.fromGitHubActions);")).trim(), "function");
});

test("a variable that may not be read is an error with the flag for all of them", async () => {
  const output = await run(
    "await sources.fromGitHubActions()().catch((error) => console.log(error.name, error.message));",
  );
  assert.equal(
    output.trim(),
    'AuthenticationError Cannot read the environment variables that determine the identity: Set the option "env", or ' +
      "run Deno with --allow-env=GITHUB_ACTIONS,ACTIONS_ID_TOKEN_REQUEST_URL,ACTIONS_ID_TOKEN_REQUEST_TOKEN," +
      "AZURE_AUTHORITY_HOST",
  );
});

test("the error for the socket of Fly.io names its three flags", async () => {
  const program = `
    const source = sources.fromFly({ socketPath: "/.fly/api", authorityHost: "https://x", retryOptions: { maxRetries: 0 } });
    await source().catch((error) => console.log(error.message));`;
  assert.match(
    await run(program, ["--allow-env"]),
    /Run Deno with --allow-read=\/\.fly\/api --allow-write=\/\.fly\/api --allow-net=unix:\/\.fly\/api$/m,
  );
});
