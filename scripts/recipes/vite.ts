import assert from "node:assert/strict";
import { checkSignIn } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

/** A page on which a user signs in, and its module loaded on a server. */
export const vite: Recipe = {
  section: "Vite",
  packages: { vite: "8.4.0" },
  files: {
    "index.html": `<!doctype html><button>Sign in</button><script type="module">
import { signIn } from "/src/sign_in.ts";
document.querySelector("button").addEventListener("click", async () => {
  document.body.append(Object.assign(document.createElement("p"), { textContent: await signIn() }));
});
</script>`,
    "public/blank.html": "<!doctype html><title>Signed in</title>",
    "vite.config.js": "export default { preview: { port: Number(process.env.PORT), strictPort: true } };",
    "load.mjs": `
import { createServer } from "vite";
const server = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error" });
const { signIn } = await server.ssrLoadModule("/src/sign_in.ts");
console.log("loaded", signIn.name);
await server.close();`,
  },
  async run(project) {
    const { node, serve } = project;
    assert.match(await node(["load.mjs"]), /^loaded signIn$/m);
    await node(["node_modules/.bin/vite", "build"]);
    await serve(["node_modules/.bin/vite", "preview"], (url) => checkSignIn(project, url));
  },
};
