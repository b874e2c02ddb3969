// Runs on: deno
// The recipes of docs/recipes.md that need no framework to run, word for word, against a simulated Microsoft Entra; and
// that `deno task recipes` runs the others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { RECIPES } from "../../scripts/recipes.ts";
import { filesOf } from "../../scripts/recipes/page.ts";
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

const SECTIONS = [
  ...["Astro", "Express, Fastify", "Hono", "Jest with CommonJS", "Jest with ES modules", "NestJS", "Next.js"],
  ...["Nuxt, Nitro", "React Router", "SvelteKit", "Vite", "Workers with wrangler", "vitest"],
];

test("deno task recipes runs a section for each framework", () => {
  assert.deepEqual(Object.values(RECIPES).map(({ section }) => section).sort(), SECTIONS);
});

for (const [name, { section, files }] of Object.entries(RECIPES)) {
  test(`the recipe ${name} has a file of its section, and does not replace it`, () => {
    const shown = Object.keys(filesOf(page, section));
    assert.notDeepEqual(shown, []);
    assert.deepEqual(shown.filter((path) => Object.hasOwn(files, path)), []);
  });
}

test("each file on the page is in a section that a recipe runs", () => {
  const all = page.match(/^```\w+[^\n]*\n\/\/ \S*\.\w+\b/gm)!;
  const run = Object.values(RECIPES).flatMap(({ section }) => Object.keys(filesOf(page, section)));
  assert.equal(all.length, run.length, `${all.join("\n")}\n${run.join("\n")}`);
});
