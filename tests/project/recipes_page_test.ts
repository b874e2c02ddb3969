// Runs on: deno
// The recipes of docs/recipes.md that need no framework to run, word for word, against a simulated Microsoft Entra.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { programsOf, VARIABLES } from "../support/project/readme.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const page = await Deno.readTextFile(`${ROOT}docs/recipes.md`);

for (const heading of ["Deno Deploy, Deno.serve, deno serve", "Bun", "Next.js", "Astro"]) {
  test(heading, async () => {
    const { ts } = programsOf(page, heading, "");
    const call = ts!.includes("export default") ? "handlers.fetch()" : "GET()";
    const code = ts!.replace("export default {", "const handlers = {") +
      `const body = await (await ${call}).json();\nconsole.log(body.expiresOnTimestamp ?? body);`;
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--preload=tests/support/project/cloud_preload.ts", "--allow-env", "--allow-net"],
        ...["--ext=ts", "-"],
      ],
      cwd: ROOT,
      env: { ...VARIABLES, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(code));
    await writer.close();
    const { stdout, stderr } = await process.output();
    const expiresOnTimestamp = Number(new TextDecoder().decode(stdout));
    assert.ok(expiresOnTimestamp > Date.now(), new TextDecoder().decode(stderr));
  });
}
