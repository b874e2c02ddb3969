/**
 * Runs the recipes for frameworks: each is a project in a temporary folder with the npm package and pinned releases of
 * a framework, on Node 24 from npm, at a simulated Microsoft Entra.
 *
 * `deno task recipes` runs all; `deno task recipes hono vitest` those. Needs npm and its registry, and minutes.
 *
 * @module
 */
import { createEntra } from "@azweb/identity/testing";
import { stop } from "esbuild";
import { buildNpm } from "./build_npm.ts";
import { run, runOrThrow } from "./run.ts";
import { readArguments } from "./usage.ts";

interface Recipe {
  /** The packages, in the releases that were tried. */
  readonly packages: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** What Node runs, with its arguments. */
  readonly command: readonly string[];
  /** What that prints. */
  readonly prints: RegExp;
}

const NODE = "node@24.21.0";
const TENANT = "11111111-2222-3333-4444-555555555555";

const CREDENTIAL = `
import { DefaultAzureCredential } from "@azweb/identity";
const credential = new DefaultAzureCredential({ allowInsecureLoopback: true, disableInstanceDiscovery: true });
const getExpiry = async () => (await credential.getToken("https://vault.azure.net/.default")).expiresOnTimestamp;
`;

/** Returns a test of an app, in an environment of vitest. */
function appTest(environment: string): string {
  return `// @vitest-environment ${environment}
${CREDENTIAL}
import { expect, test } from "vitest";
test("a token", async () => expect(await getExpiry()).toBeGreaterThan(Date.now()));`;
}

/** Returns a test of a user who signs in, in an environment of vitest. */
function userTest(environment: string): string {
  return `// @vitest-environment ${environment}
import { InteractiveBrowserCredential } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import { expect, test } from "vitest";
test("${environment} is no page: the user signs in as in a program", async () => {
  const tenantId = "${TENANT}";
  const entra = createEntra({
    apps: [{ tenantId, clientId: "my-app" }],
    users: [{ tenantId, username: "jo@contoso.com", password: "a-password" }],
  });
  const { fetch, browser: runtime } = entra;
  const credential = new InteractiveBrowserCredential({ tenantId, clientId: "my-app", fetch, runtime, env: {} });
  expect(document.body).toBeDefined();
  expect((await credential.authenticate("https://graph.microsoft.com/.default")).username).toBe("jo@contoso.com");
});`;
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  express: {
    packages: { express: "5.3.0" },
    files: {
      "app.mjs": `${CREDENTIAL}
import express from "express";
const app = express();
app.get("/token", async (_request, response) => response.json({ expiry: await getExpiry() }));
const server = app.listen(0, async () => {
  const response = await fetch("http://localhost:" + server.address().port + "/token");
  console.log(await response.text());
  server.close();
});`,
    },
    command: ["app.mjs"],
    prints: /^\{"expiry":\d+\}$/m,
  },
  hono: {
    packages: { hono: "4.13.19", "@hono/node-server": "2.1.9" },
    files: {
      "app.mjs": `${CREDENTIAL}
import { serve } from "@hono/node-server";
import { Hono } from "hono";
const app = new Hono();
app.get("/token", async (context) => context.json({ expiry: await getExpiry() }));
const server = serve({ fetch: app.fetch, port: 0 }, async ({ port }) => {
  const response = await fetch("http://localhost:" + port + "/token");
  console.log(await response.text());
  server.close();
});`,
    },
    command: ["app.mjs"],
    prints: /^\{"expiry":\d+\}$/m,
  },
  wrangler: {
    packages: { wrangler: "4.164.0" },
    files: {
      "wrangler.json": `{ "name": "app", "main": "worker.js", "compatibility_date": "2026-06-01" }`,
      "worker.js": `
import { DefaultAzureCredential } from "@azweb/identity";
import { waitUntil } from "cloudflare:workers";
export default {
  async fetch(_request, env) {
    const options = { allowInsecureLoopback: true, disableInstanceDiscovery: true };
    const credential = new DefaultAzureCredential({ env, waitUntil, ...options });
    const { expiresOnTimestamp } = await credential.getToken("https://vault.azure.net/.default");
    return Response.json({ expiry: expiresOnTimestamp });
  },
};`,
      "run.mjs": `
import { unstable_startWorker } from "wrangler";
const names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST"];
const bindings = Object.fromEntries(names.map((name) => [name, { type: "plain_text", value: process.env[name] }]));
const worker = await unstable_startWorker({ config: "wrangler.json", bindings });
const response = await worker.fetch("http://localhost/");
console.log(await response.text());
await worker.dispose();`,
    },
    command: ["run.mjs"],
    prints: /^\{"expiry":\d+\}$/m,
  },
  // A page, and the same page rendered on a server.
  vite: {
    packages: { vite: "8.4.0" },
    files: {
      "index.html": `<!doctype html><script type="module" src="/page.js"></script>`,
      "page.js": `
import { InteractiveBrowserCredential } from "@azweb/identity/interactive-browser-credential";
export const credential = new InteractiveBrowserCredential({
  tenantId: "my-tenant-id", clientId: "my-client-id", redirectUri: "https://my.app/blank.html",
});
globalThis.document?.addEventListener("click", () => credential.getToken("https://graph.microsoft.com/User.Read"));`,
      "build.mjs": `
import { build, createServer } from "vite";
await build({ logLevel: "error" });
const server = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error" });
const { credential } = await server.ssrLoadModule("/page.js");
console.log("rendered", credential.constructor.name);
await server.close();`,
    },
    command: ["build.mjs"],
    prints: /^rendered InteractiveBrowserCredential$/m,
  },
  vitest: {
    packages: { vitest: "5.1.2", "happy-dom": "21.0.4", jsdom: "31.0.1" },
    files: {
      "node.test.js": appTest("node"),
      // oauth4webapi does not recognise an ArrayBuffer of another realm: users cannot sign in there.
      "jsdom.test.js": appTest("jsdom"),
      "happy_dom.test.js": userTest("happy-dom"),
    },
    command: ["node_modules/vitest/vitest.mjs", "run"],
    prints: /Tests +3 passed/,
  },
};

/** Runs a recipe. Returns why it fails, if it does. */
async function runRecipe(
  { packages, files, command, prints }: Recipe,
  { tarball, folder, authorityHost }: { tarball: string; folder: string; authorityHost: string },
): Promise<string | undefined> {
  await Deno.mkdir(folder);
  const dependencies = { ...packages, "@azweb/identity": `file:${tarball}`, jose: "^6.2.17" };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module", dependencies }));
  for (const [name, content] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, content);
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock"];
  await runOrThrow("npm", ["install", "--prefer-offline", ...quiet], { cwd: folder });
  const { code, stdout, stderr } = await run("npx", ["-y", "-p", NODE, "--", "node", ...command], {
    cwd: folder,
    env: {
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: "an-app",
      AZURE_CLIENT_SECRET: "a-secret",
      AZURE_AUTHORITY_HOST: authorityHost,
    },
  });
  return code === 0 && prints.test(stdout) ? undefined : `It ended with ${code}:\n${stdout}${stderr}`;
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
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: "an-app", secrets: ["a-secret"] }] });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, entra.handle);
  const authorityHost = `http://127.0.0.1:${server.addr.port}`;
  let failed = 0;
  try {
    const tarball = await buildNpm(scratch);
    for (const name of names) {
      const start = performance.now();
      const reason = await runRecipe(RECIPES[name]!, { tarball, folder: `${scratch}/${name}`, authorityHost })
        .catch(String);
      if (reason !== undefined) failed++;
      console.log(
        `${reason === undefined ? "ok" : "FAILED"} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`,
      );
      if (reason !== undefined) console.log(reason.replace(/^/gm, "  "));
    }
  } finally {
    await server.shutdown();
    await stop();
    await Deno.remove(scratch, { recursive: true });
  }
  console.log(`\n${names.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
