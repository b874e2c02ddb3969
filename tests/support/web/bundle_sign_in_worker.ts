import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { CLIENT, type createSignInService, SECRET, TENANT } from "../sign_in/sign_in_service.ts";

/** Bundles the example Worker into one module. */
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

/** The options of Miniflare that the example Worker needs. */
interface WorkerOptions {
  readonly modules: { type: "ESModule"; path: string; contents: string }[];
  readonly compatibilityDate: string;
  readonly bindings: Record<string, string>;
  // deno-lint-ignore no-explicit-any
  readonly outboundService: any;
}

/** Returns the options of Miniflare for the bundled example Worker, whose requests are sent to a simulated service. */
export function signInWorkerOptions(
  contents: string,
  { redirectUri, service }: {
    readonly redirectUri: string;
    readonly service: Pick<ReturnType<typeof createSignInService>, "fetch">;
  },
): WorkerOptions {
  return {
    modules: [{ type: "ESModule", path: "worker.js", contents }],
    compatibilityDate: "2024-09-23",
    bindings: {
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: SECRET,
      REDIRECT_URI: redirectUri,
      SEALING_KEY: btoa("1".repeat(32)),
    },
    async outboundService(request: Request) {
      const { method, headers } = request;
      const body = method === "GET" ? "" : await request.text();
      return await service.fetch(request.url, { method, headers: [...headers], ...body && { body } });
    },
  };
}
