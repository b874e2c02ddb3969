// Runs on: deno
// A sibling subdomain sets a forged cookie for the whole domain, in a real browser. The cookie must not sign the
// browser in to the example Worker, which decodes header bytes as UTF-8.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Miniflare } from "miniflare";
import { bundleSignInWorker, signInWorkerOptions } from "../support/web/bundle_sign_in_worker.ts";
import { NO_BROWSER, startBrowser } from "../support/chromium.ts";
import { serveHttps } from "../support/https_server.ts";
import { createSelfSigned } from "../support/certificates/self_signed.ts";
import { createSignInService } from "../support/sign_in/sign_in_service.ts";
import { openBrowser } from "../support/sign_in/web_browser.ts";

const APP = "my.contoso.test";
const SIBLING = "evil.contoso.test";
/** Bytes that the sibling writes before a cookie's name: U+00A0 in Latin-1, and U+00A0, U+2003 and U+3000 in UTF-8. */
const BYTES = ["\xa0", "\xc2\xa0", "\xe2\x80\x83", "\xe3\x80\x80"];

test("a sibling subdomain cannot sign a browser in as another user", { skip: NO_BROWSER }, async () => {
  const service = createSignInService();
  const { certificate, key } = await createSelfSigned();
  let forged = "";
  const received: (string | null)[] = [];
  const server = await serveHttps(async (request) => {
    const { hostname, pathname } = new URL(request.url);
    if (hostname === SIBLING) return new Response("Hello", { headers: { "set-cookie": forged } });
    if (pathname === "/signed-in") received.push(request.headers.get("cookie"));
    return await forward(request);
  }, { cert: certificate, key });
  const { port } = new URL(server.url);
  const app = `https://${APP}:${port}`;
  const options = { redirectUri: `${app}/signed-in`, service };
  const miniflare = new Miniflare(signInWorkerOptions(await bundleSignInWorker(), options));

  async function forward({ url, method, headers }: Request): Promise<Response> {
    const init = { method, headers: [...headers] as [string, string][], redirect: "manual" } as const;
    const response = await miniflare.dispatchFetch(url, init);
    return new Response(await response.text(), { status: response.status, headers: [...response.headers] });
  }

  const browser = await startBrowser(["--host-resolver-rules=MAP * 127.0.0.1"]);
  try {
    const pages: (string | null)[] = [];
    for (const bytes of ["", ...BYTES]) {
      // The attacker starts a sign-in, and keeps the cookie and the callback URL.
      const attacker = openBrowser(forward);
      const { headers } = await attacker.get(`${app}/me`);
      const back = await service.signIn(headers.get("location")!, "eve@evil.test");
      const [[name, value]] = [...attacker.cookies] as [[string, string]];
      forged = `${bytes}${name}=${value}; Domain=contoso.test; Path=/; Secure`;
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      await page.goto(`https://${SIBLING}:${port}/`);
      await page.goto(back);
      pages.push(await page.textContent("body"));
      // Without such a byte, the browser itself rejects the cookie.
      assert.equal(received.pop()?.endsWith(`${name}=${value}`), bytes === "" ? undefined : true);
    }
    assert.deepEqual([...new Set(pages)], ["You are not signed in. Try again"]);
  } finally {
    await browser.close();
    await miniflare.dispose();
    await server.close();
  }
});
