// Runs on: deno
// The example Worker on workerd, without a compatibility flag: it writes a blob and reads it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createEntra } from "@azweb/identity/testing";
import { build } from "esbuild";
import { Miniflare } from "miniflare";

const tenantId = "11111111-2222-3333-4444-555555555555";
const CONTAINER_URL = "https://account.blob.core.windows.net/container";

test("a Worker writes and reads a blob, with one token request", async () => {
  const entra = createEntra({ apps: [{ tenantId, clientId: "app", secrets: ["a-secret"] }] });
  const requests: string[] = [];
  const blobs = new Map<string, string>();

  async function serve(request: Request): Promise<Response> {
    const { method, url, headers } = request;
    const text = method === "GET" ? undefined : await request.text();
    requests.push(`${method} ${url}`);
    if (url.startsWith("https://login.microsoftonline.com/")) {
      return await entra.fetch(url, { method, headers: [...headers], ...text !== undefined && { body: text } });
    }
    const { aud } = await entra.verify(headers.get("authorization")!.replace("Bearer ", ""));
    assert.equal(aud, "https://storage.azure.com");
    assert.equal(headers.get("x-ms-version"), "2024-11-04");
    if (text !== undefined) blobs.set(url, text);
    return new Response(blobs.get(url), { status: text === undefined ? 200 : 201 });
  }

  const path = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));
  const { outputFiles } = await build({
    entryPoints: [path("../support/http/blob_worker.ts")],
    alias: Object.fromEntries(
      ["client-secret-credential", "fetch"].map((name) => [`@azweb/identity/${name}`, path(`@azweb/identity/${name}`)]),
    ),
    bundle: true,
    format: "esm",
    write: false,
  });
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.js", contents: outputFiles[0]!.text }],
    modulesRoot: "/",
    compatibilityDate: "2024-09-23",
    bindings: { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: "app", AZURE_CLIENT_SECRET: "a-secret", CONTAINER_URL },
    // deno-lint-ignore no-explicit-any
    outboundService: serve as any,
  });
  try {
    const put = await miniflare.dispatchFetch("http://worker.test/hello.txt", { method: "PUT", body: "Hello" });
    assert.equal(put.status, 201, await put.text());
    const get = await miniflare.dispatchFetch("http://worker.test/hello.txt");
    assert.deepEqual([get.status, await get.text()], [200, "Hello"]);
    const tokenRequests = requests.filter((each) => each.startsWith("POST "));
    assert.deepEqual(tokenRequests, [`POST https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`]);
  } finally {
    await miniflare.dispose();
  }
});
