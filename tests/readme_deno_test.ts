// Runs on: deno
// The README's Deno script and Worker, word for word, against a simulated Entra and a storage service that wants its token.
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";
import { Miniflare, type Request as WorkerRequest, Response as WorkerResponse } from "miniflare";
import { programsOf, SERVICE_PRINCIPAL, VARIABLES } from "./support/readme.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const STORAGE = "https://account.blob.core.windows.net";
const README = await Deno.readTextFile(`${ROOT}README.md`);

test("the Deno script, by its command", async () => {
  const { ts, sh } = programsOf(README, "A Deno script", STORAGE);
  const [, flags] = /^deno run (.+) list\.ts$/m.exec(sh!)!;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--preload=tests/support/cloud_preload.ts", ...flags!.split(" "), "--ext=ts", "-"],
    cwd: ROOT,
    env: VARIABLES,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(ts));
  await writer.close();
  const { stdout, stderr } = await process.output();
  assert.equal(
    new TextDecoder().decode(stdout),
    "Blobs for https://storage.azure.com\n",
    new TextDecoder().decode(stderr),
  );
});

test("the Worker, by its wrangler.toml and the esbuild command", async () => {
  const { ts, toml } = programsOf(README, "A Cloudflare Worker", STORAGE);
  const [, date] = /^compatibility_date = "(.+)"$/m.exec(toml!)!;
  const vars = toml!.split("[vars]")[1]!.matchAll(/^(\w+) = "(.+)"$/gm);
  const { outputFiles } = await build({
    stdin: { contents: ts!, resolveDir: ROOT, loader: "ts" },
    alias: { "@azweb/identity": `${ROOT}mod.ts` },
    bundle: true,
    format: "esm",
    external: ["cloudflare:workers"],
    write: false,
  });
  await stop();
  const entra = createEntra({ apps: [SERVICE_PRINCIPAL] });
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.js", contents: outputFiles[0]!.text }],
    compatibilityDate: date!,
    bindings: {
      ...Object.fromEntries([...vars].map(([, name, value]) => [name!, value!])),
      AZURE_CLIENT_SECRET: VARIABLES.AZURE_CLIENT_SECRET!,
    },
    async outboundService(request: WorkerRequest) {
      const headers = Object.fromEntries(request.headers);
      const { host, pathname } = new URL(request.url);
      if (host !== "login.microsoftonline.com") {
        const { aud } = await entra.verify(headers.authorization!.replace(/^Bearer /, ""));
        return new WorkerResponse(`${pathname} for ${aud}`);
      }
      const answer = await entra.fetch(request.url, { method: "POST", headers, body: await request.text() });
      return new WorkerResponse(await answer.text(), { status: answer.status });
    },
  });
  try {
    const answers = await Promise.all(
      [1, 2, 3].map(async () => await (await miniflare.dispatchFetch("http://localhost/")).text()),
    );
    assert.deepEqual(answers, Array(3).fill("/files/hello.txt for https://storage.azure.com"));
    assert.equal(entra.requests.length, 1);
  } finally {
    await miniflare.dispose();
  }
});
