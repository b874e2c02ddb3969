import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

export const nuxt: Recipe = {
  section: "Nuxt, Nitro",
  packages: { nuxt: "4.5.2" },
  files: {
    "app/app.vue": "<template><main>App</main></template>",
  },
  async run({ node, serve }) {
    await node(["node_modules/.bin/nuxt", "build"]);
    await serve([".output/server/index.mjs"], (url) => checkToken(`${url}/api/token`));
  },
};
