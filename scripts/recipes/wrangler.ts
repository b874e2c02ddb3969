import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

/** The release of wrangler. */
export const WRANGLER = "4.164.0";

/** The configuration of a Worker, and the program that serves it as `wrangler dev` does. */
export const WRANGLER_FILES = {
  "wrangler.json": `{ "name": "app", "main": "worker.ts", "compatibility_date": "2026-06-01" }`,
  "run_worker.mjs": `
import { unstable_startWorker } from "wrangler";
const names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
await unstable_startWorker({
  config: "wrangler.json",
  bindings: Object.fromEntries(names.map((name) => [name, { type: "plain_text", value: process.env[name] }])),
  dev: {
    server: { port: Number(process.env.PORT) },
    // What the Worker requests is fetched here, where the simulated Microsoft Entra is reached.
    outboundService: (request) => fetch(request.url, request),
  },
});`,
};

export const wrangler: Recipe = {
  section: "Workers with wrangler",
  packages: { wrangler: WRANGLER },
  files: WRANGLER_FILES,
  async run({ serve }) {
    await serve(["run_worker.mjs"], checkToken);
  },
};
