// Runs on: deno
// Runs the README's Deno script and Workers unchanged, against a simulated Entra and services that accept its tokens.
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";
import { Miniflare, type Request as WorkerRequest, Response as WorkerResponse } from "miniflare";
import { programsOf, SERVICE_PRINCIPAL, VARIABLES } from "../support/project/readme.ts";
import { openBrowser } from "../support/sign_in/web_browser.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STORAGE = "https://account.blob.core.windows.net";
const README = await Deno.readTextFile(`${ROOT}README.md`);
const WEB_SIGN_IN = await Deno.readTextFile(`${ROOT}docs/web-sign-in.md`);

test("the Deno script of the README runs by its command", async () => {
  const { ts, sh } = programsOf(README, "A Deno script", STORAGE);
  const [, flags] = /^deno run (.+) list\.ts$/m.exec(sh!)!;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--preload=tests/support/project/cloud_preload.ts", ...flags!.split(" "), "--ext=ts", "-"],
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

test("the Worker of the README runs with its wrangler.toml, bundled by esbuild", async () => {
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
      const response = await entra.fetch(request.url, { method: "POST", headers, body: await request.text() });
      return new WorkerResponse(await response.text(), { status: response.status });
    },
  });
  try {
    const texts = await Promise.all(
      [1, 2, 3].map(async () => await (await miniflare.dispatchFetch("http://localhost/")).text()),
    );
    assert.deepEqual(texts, Array(3).fill("/files/hello.txt for https://storage.azure.com"));
    assert.equal(entra.requests.length, 1);
  } finally {
    await miniflare.dispose();
  }
});

test("the Worker of the documentation signs users in", async () => {
  const { ts } = programsOf(WEB_SIGN_IN, "A Worker", STORAGE);
  const { outputFiles } = await build({
    stdin: { contents: ts!, resolveDir: ROOT, loader: "ts" },
    alias: { "@azweb/identity/web-sign-in": `${ROOT}src/web/web_sign_in.ts` },
    bundle: true,
    format: "esm",
    write: false,
  });
  await stop();
  const username = "jo@contoso.com";
  const { tenantId } = SERVICE_PRINCIPAL;
  const entra = createEntra({
    apps: [{ ...SERVICE_PRINCIPAL, redirectUris: ["https://my.app/signed-in"] }],
    users: [{ tenantId, username, password: "a-password" }],
  });
  const options = {
    modules: [{ type: "ESModule" as const, path: "worker.js", contents: outputFiles[0]!.text }],
    compatibilityDate: "2025-09-01",
    bindings: { ...VARIABLES, SEALING_KEY: btoa("1".repeat(32)) },
    async outboundService(request: WorkerRequest) {
      const headers = Object.fromEntries(request.headers);
      if (new URL(request.url).host === "graph.microsoft.com") {
        return new WorkerResponse(String((await entra.verify(headers.authorization!.replace(/^Bearer /, ""))).upn));
      }
      const response = await entra.fetch(request.url, { method: "POST", headers, body: await request.text() });
      return new WorkerResponse(await response.text(), { status: response.status });
    },
  };
  const miniflare = new Miniflare(options);
  const browser = openBrowser(async ({ url, method, headers }) => {
    const response = await miniflare.dispatchFetch(url, { method, headers: [...headers], redirect: "manual" });
    return new Response(await response.text(), { status: response.status, headers: [...response.headers] });
  });
  /** Follows a redirect to Microsoft Entra. Returns the URL to which it redirects back. */
  const visit = async (response: Response) =>
    (await entra.fetch(response.headers.get("location")!, { redirect: "manual" })).headers.get("location")!;
  try {
    const home = await browser.get(await visit(await browser.get("https://my.app/mail/1?a=b")));
    assert.equal(home.headers.get("location"), "https://my.app/mail/1?a=b");
    assert.equal(await (await browser.get("https://my.app/mail/1?a=b")).text(), username);

    // A new isolate, which has no cached token, and a response of Entra with a claims challenge.
    await miniflare.setOptions(options);
    const claims = JSON.stringify({ access_token: { acrs: { essential: true, value: "c1" } } });
    entra.failNext({ code: 50076, claims });
    const again = await browser.get("https://my.app/");
    assert.equal(new URL(again.headers.get("location")!).searchParams.get("claims"), claims);

    const away = await browser.get("https://my.app/sign-out", { method: "POST" });
    assert.equal(
      away.headers.get("location"),
      `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/logout?post_logout_redirect_uri=https://my.app/`,
    );
    assert.equal(browser.cookies.has("__Host-session"), false);

    entra.signInAs(null);
    const declined = await browser.get(await visit(await browser.get("https://my.app/")));
    assert.equal(declined.status, 400);
    assert.equal(await declined.text(), 'You are not signed in. <a href="/">Try again</a>');

    entra.signInAs(username);
    const back = await visit(await browser.get("https://my.app/"));
    entra.failNext({ code: 7000222 });
    assert.equal((await browser.get(back)).status, 500);

    // Neither is retried, so that the first response decides.
    for (const [fault, status] of [[{ status: 501 }, 503], [{ code: 54005 }, 400]] as const) {
      const back = await visit(await browser.get("https://my.app/"));
      entra.failNext(fault);
      assert.equal((await browser.get(back)).status, status);
    }
  } finally {
    await miniflare.dispose();
  }
});
