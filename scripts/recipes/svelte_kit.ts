import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

export const svelteKit: Recipe = {
  section: "SvelteKit",
  packages: {
    "@sveltejs/kit": "3.2.0",
    "@sveltejs/adapter-node": "6.0.1",
    "@sveltejs/vite-plugin-svelte": "7.3.1",
    svelte: "5.57.3",
    vite: "8.3.8",
  },
  files: {
    "vite.config.js": `
import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
export default { plugins: [sveltekit({ adapter: adapter() })] };`,
    "src/app.html": "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
  },
  async run({ node, serve }) {
    await node(["node_modules/.bin/vite", "build"]);
    await serve(["build/index.js"], (url) => checkToken(`${url}/token`));
  },
};
