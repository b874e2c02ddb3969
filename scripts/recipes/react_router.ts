import assert from "node:assert/strict";
import { checkToken } from "./checks.ts";
import type { Recipe } from "./recipe.ts";

/** The framework mode: nothing of the library is in the code for the browser. */
export const reactRouter: Recipe = {
  section: "React Router",
  packages: {
    "react-router": "8.4.0",
    "@react-router/dev": "8.4.0",
    "@react-router/node": "8.4.0",
    "@react-router/serve": "8.4.0",
    isbot: "5.2.3",
    react: "19.3.1",
    "react-dom": "19.3.1",
    vite: "8.3.8",
  },
  files: {
    "vite.config.ts": `
import { reactRouter } from "@react-router/dev/vite";
export default { plugins: [reactRouter()] };`,
    "app/routes.ts": `
import { index } from "@react-router/dev/routes";
export default [index("routes/home.tsx")];`,
    "app/root.tsx": `
import { Outlet, Scripts } from "react-router";
export default function App() {
  return <html lang="en"><body><Outlet /><Scripts /></body></html>;
}`,
  },
  async run({ folder, node, serve }) {
    await node(["node_modules/.bin/react-router", "build"]);
    const code = await textOf(`${folder}/build/client`);
    assert.ok(code.includes("hydrateRoot"));
    assert.equal(/login\.microsoftonline\.com|DefaultAzureCredential/.exec(code)?.[0], undefined);
    await serve(["node_modules/.bin/react-router-serve", "build/server/index.js"], checkToken);
  },
};

/** Returns the text of the files in a folder. */
async function textOf(folder: string): Promise<string> {
  let text = "";
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    text += isDirectory ? await textOf(path) : await Deno.readTextFile(path);
  }
  return text;
}
