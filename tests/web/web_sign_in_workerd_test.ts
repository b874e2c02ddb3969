// Runs on: deno
// The unchanged example Worker on two versions of workerd, with and without nodejs_compat: users sign in, each request
// runs in a separate isolate, and Microsoft Graph returns the user's name.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import process from "node:process";
import { test } from "node:test";
import { Miniflare } from "miniflare";
import workerdPackage from "workerd";
import { bundleSignInWorker, signInWorkerOptions } from "../support/web/bundle_sign_in_worker.ts";
import { createSignInService, ME } from "../support/sign_in/sign_in_service.ts";
import { openBrowser, type WebBrowser } from "../support/sign_in/web_browser.ts";

// A CommonJS module: its exports are the default export.
const { default: newestWorkerd, version: newestVersion } = workerdPackage as unknown as {
  default: string;
  version: string;
};
const oldestVersion = createRequire(import.meta.resolve("miniflare"))("workerd").version as string;

const APP = "https://my.app";

for (const workerd of [undefined, newestWorkerd]) {
  for (const nodejsCompat of [false, true]) {
    const version = `workerd ${workerd === undefined ? oldestVersion : newestVersion}`;

    test(`a Worker signs users in: ${version}, ${nodejsCompat ? "with" : "without"} nodejs_compat`, async () => {
      const service = createSignInService();
      if (workerd !== undefined) process.env.MINIFLARE_WORKERD_PATH = workerd;
      const contents = await bundleSignInWorker();
      const workers = ["first", "second"].map((name) => ({
        name,
        routes: [`${name}.test/*`],
        ...signInWorkerOptions(contents, { redirectUri: `${APP}/signed-in`, service }),
        modulesRoot: "/",
        compatibilityFlags: nodejsCompat ? ["nodejs_compat"] : [],
      }));
      const miniflare = new Miniflare({ workers });
      try {
        await miniflare.ready;
        const open = () => {
          let requests = 0;
          return openBrowser(async (request) => {
            // Successive requests of a browser never share an isolate.
            const { name } = workers[requests++ % 2]!;
            const worker = await miniflare.getWorker(name) as unknown as { readonly fetch: typeof fetch };
            const { url, method, headers } = request;
            const response = await worker.fetch(url, { method, headers: [...headers], redirect: "manual" });
            return new Response(await response.text(), { status: response.status, headers: [...response.headers] });
          });
        };
        const users = new Map<string, WebBrowser>(["jo@contoso.com", "sam@contoso.com"].map((name) => [name, open()]));
        for (const [name, browser] of users) {
          const away = await browser.get(`${APP}/me`);
          assert.equal(away.status, 302, await away.text());
          assert.equal(new URL(away.headers.get("location")!).host, "login.microsoftonline.com");
          const home = await browser.get(await service.signIn(away.headers.get("location")!, name));
          assert.deepEqual([home.status, home.headers.get("location")], [302, `${APP}/me`], await home.text());
        }
        for (let round = 0; round < 4; round++) {
          for (const [name, browser] of users) {
            const response = await browser.get(`${APP}/me`);
            assert.equal(await response.text(), `${name} is ${name} to Microsoft Graph`);
          }
        }
        const [jo, sam] = [...users.values()] as [WebBrowser, WebBrowser];
        await jo.get(`${APP}/sign-out`, { method: "POST" });
        for (let round = 0; round < 2; round++) {
          assert.equal((await jo.get(`${APP}/me`)).status, 302, "the user who signed out must sign in");
          assert.match(await (await sam.get(`${APP}/me`)).text(), /^sam@contoso.com is sam@contoso.com/);
        }
        const other = await open().get(`${APP}/signed-in?code=a&state=${"a".repeat(43)}`);
        assert.equal(other.status, 400);
        assert.match(await other.text(), /^You are not signed in\./);
        assert.equal(service.requests.filter(({ form }) => form.grant_type === "authorization_code").length, 2);
        assert.ok(service.requests.some(({ url }) => url === ME));
        assert.ok(service.refreshes <= 4, `${service.refreshes}: each isolate refreshes once for each user`);
      } finally {
        delete process.env.MINIFLARE_WORKERD_PATH;
        await miniflare.dispose();
      }
    });
  }
}
