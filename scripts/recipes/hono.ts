import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";
import { WRANGLER, WRANGLER_FILES } from "./wrangler.ts";

/** On Workers and on Node. */
export const hono: Recipe = {
  section: "Hono",
  packages: { hono: "4.13.19", "@hono/node-server": "2.1.9", wrangler: WRANGLER },
  files: {
    ...WRANGLER_FILES,
    "server.ts": `
import { DefaultAzureCredential } from "@azweb/identity";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
const credential = new DefaultAzureCredential();
const app = new Hono();
app.get("/", async (context) => {
  const { expiresOnTimestamp } = await credential.getToken("https://vault.azure.net/.default");
  return context.json({ expiresOnTimestamp });
});
serve({ fetch: app.fetch, port: Number(process.env.PORT) });`,
  },
  async run({ serve }) {
    await serve(["run_worker.mjs"], checkToken);
    await serve(["server.ts"], checkToken);
  },
};
