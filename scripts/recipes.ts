/**
 * Runs the recipes for frameworks: each is a project in a temporary folder with the code of `docs/recipes.md`, the npm
 * package and pinned releases of a framework. They run on Node 24, which npm installs, and with a simulated Microsoft
 * Entra.
 *
 * `deno task recipes` runs all recipes, and `deno task recipes hono vitest` only these two. Needs npm, its registry and
 * Chromium, and takes minutes.
 *
 * @module
 */
import { createEntra } from "@azweb/identity/testing";
import { stop } from "esbuild";
import { dirname } from "node:path";
import { buildNpm } from "./build_npm.ts";
import { astro } from "./recipes/astro.ts";
import { express } from "./recipes/express.ts";
import { hono } from "./recipes/hono.ts";
import { jest, jestCommonJs } from "./recipes/jest.ts";
import { nest } from "./recipes/nest.ts";
import { next } from "./recipes/next.ts";
import { nuxt } from "./recipes/nuxt.ts";
import { USER_APP } from "./recipes/page.ts";
import { installProject, type ProjectOptions } from "./recipes/project.ts";
import { reactRouter } from "./recipes/react_router.ts";
import type { Recipe } from "./recipes/recipe.ts";
import { svelteKit } from "./recipes/svelte_kit.ts";
import { vite } from "./recipes/vite.ts";
import { vitest } from "./recipes/vitest.ts";
import { wrangler } from "./recipes/wrangler.ts";
import { cleanUpAfterThisProcess, endAllRuns, runOrThrow } from "./run.ts";
import { readArguments } from "./usage.ts";

/** The recipes, by the names that the task accepts. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  astro,
  express,
  hono,
  jest,
  "jest-commonjs": jestCommonJs,
  nest,
  next,
  nuxt,
  "react-router": reactRouter,
  sveltekit: svelteKit,
  vite,
  vitest,
  wrangler,
};

const NODE = "node@24.21.0";
const SERVICE_PRINCIPAL = { tenantId: USER_APP.tenantId, clientId: "an-app", secrets: ["a-secret"] };
const FOUR_MINUTES = 240_000;

/** Returns a module for Node that sends the requests for Microsoft Entra to a URL. */
function redirectEntra(url: string): string {
  return `
const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  const { href } = new URL(input.url ?? input, "http://localhost");
  if (!href.startsWith("https://login.microsoftonline.com/")) return fetch(input, init);
  const address = href.replace("https://login.microsoftonline.com", "${url}");
  return fetch(input instanceof Request ? new Request(address, input) : address, init);
};`;
}

/** Returns the environment of npm and of the projects' programs. */
async function environmentOf(folder: string, url: string): Promise<Record<string, string>> {
  const node = (await runOrThrow("npx", ["-y", NODE, "-p", "process.execPath"], { cwd: folder })).trim();
  const preload = `${folder}/redirect_entra.mjs`;
  await Deno.writeTextFile(preload, redirectEntra(url));
  return {
    PATH: `${dirname(node)}:${Deno.env.get("PATH")}`,
    NODE_OPTIONS: `--import=${preload}`,
    CI: "true",
    AZURE_TENANT_ID: SERVICE_PRINCIPAL.tenantId,
    AZURE_CLIENT_ID: SERVICE_PRINCIPAL.clientId,
    AZURE_CLIENT_SECRET: SERVICE_PRINCIPAL.secrets[0]!,
    ASTRO_TELEMETRY_DISABLED: "1",
    NEXT_TELEMETRY_DISABLED: "1",
    NUXT_TELEMETRY_DISABLED: "1",
    WRANGLER_SEND_METRICS: "false",
  };
}

/** Runs a recipe in a new folder, with a time limit. Returns why it fails, if it does. */
async function runRecipe(
  recipe: Recipe,
  folder: string,
  options: Omit<ProjectOptions, "signal">,
): Promise<string | undefined> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), FOUR_MINUTES);
  try {
    await recipe.run(await installProject(recipe, folder, { ...options, signal: limit.signal }));
    return undefined;
  } catch (error) {
    return `${limit.signal.aborted ? "The recipe was aborted after four minutes.\n" : ""}${error}`;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const usage = `Usage: deno task recipes [${Object.keys(RECIPES).join("|")}]...`;
  const names = readArguments(args, usage, () => {
    const unknown = args.find((name) => !Object.hasOwn(RECIPES, name));
    if (unknown !== undefined) throw new Error(`There is no recipe "${unknown}"`);
    return args.length > 0 ? args : Object.keys(RECIPES);
  });
  const scratch = await Deno.makeTempDir({ prefix: "azweb-identity-recipes-" });
  cleanUpAfterThisProcess(scratch);
  const entra = createEntra({
    apps: [SERVICE_PRINCIPAL, { ...USER_APP, redirectUris: ["http://localhost/blank.html"] }],
    users: [{ tenantId: USER_APP.tenantId, username: "jo@contoso.com", password: "a-password" }],
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, entra.handle);
  let failed = 0;
  try {
    const env = await environmentOf(scratch, `http://127.0.0.1:${server.addr.port}`);
    const tarball = await buildNpm(`${scratch}/package`);
    for (const name of names) {
      const start = performance.now();
      const reason = await runRecipe(RECIPES[name]!, `${scratch}/${name}`, { tarball, entra, env });
      if (reason !== undefined) failed++;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`${reason === undefined ? "ok" : "FAILED"} ${name} (${seconds} s)`);
      if (reason !== undefined) console.log(reason.replace(/^/gm, "  "));
      await Deno.remove(`${scratch}/${name}`, { recursive: true });
    }
  } finally {
    endAllRuns();
    await server.shutdown();
    await stop();
    await Deno.remove(scratch, { recursive: true });
  }
  console.log(`\n${names.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
