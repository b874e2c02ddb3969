import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

export const astro: Recipe = {
  section: "Astro",
  packages: { astro: "7.3.5", "@astrojs/node": "11.1.6" },
  files: {
    "astro.config.mjs": `
import node from "@astrojs/node";
export default { output: "server", adapter: node({ mode: "standalone" }) };`,
  },
  async run({ node, serve }) {
    await node(["node_modules/.bin/astro", "build"]);
    await serve(["dist/server/entry.mjs"], (url) => checkToken(`${url}/token`));
  },
};
