import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Returns the example Worker as one module. */
export async function bundleSignInWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./sign_in_worker.ts", import.meta.url))],
    alias: {
      "@azweb/identity/web-sign-in": fileURLToPath(import.meta.resolve("@azweb/identity/web-sign-in")),
    },
    bundle: true,
    format: "esm",
    write: false,
  });
  return outputFiles[0]!.text;
}
