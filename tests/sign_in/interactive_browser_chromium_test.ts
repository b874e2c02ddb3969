// Runs on: deno, node, bun
// A real browser signs in at an independent certified authorization server, through its own forms.
import { InteractiveBrowserCredential } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { fillIn, NO_BROWSER, openPage, startBrowser } from "../support/chromium.ts";
import { API_SCOPE, type OidcProvider, startOidcProvider } from "../support/interop/oidc_provider.ts";
import { failureOf } from "../support/service.ts";

/** Runs the server and the browser while `use` runs. */
async function withBrowser(use: (server: OidcProvider, page: Page) => Promise<void>): Promise<void> {
  const server = await startOidcProvider();
  const browser = await startBrowser();
  try {
    await use(server, await openPage(browser));
  } finally {
    await browser.close();
    await server.close();
  }
}

test("a user signs in, and tokens are refreshed silently", { skip: NO_BROWSER }, async () => {
  await withBrowser(async ({ options, grants, forms }, page) => {
    let opened = 0;
    const credential = new InteractiveBrowserCredential({
      ...options,
      runtime: {
        async openUrl(url) {
          opened++;
          await page.goto(url);
          await fillIn(page, "jo");
        },
      },
    });
    const first = await credential.getToken(API_SCOPE);
    await page.waitForSelector("h1");
    assert.equal(await page.textContent("h1"), "Signed in");
    assert.match(page.url(), /^http:\/\/localhost:\d+\/$/);

    // The cached token is returned while it is fresh; claims request another one.
    assert.equal((await credential.getToken(API_SCOPE)).token, first.token);
    const second = await credential.getToken(API_SCOPE, { claims: "{}" });
    const third = await credential.getToken(API_SCOPE, { claims: "{}" });
    assert.equal(new Set([first, second, third].map(({ token }) => token)).size, 3);
    assert.equal(opened, 1);
    assert.deepEqual(grants, ["authorization_code: granted", "refresh_token: granted", "refresh_token: granted"]);
    // Each refresh token was used once.
    const [, one, two] = forms.map((form) => form.get("refresh_token"));
    assert.ok(one && two && one !== two);

    // Redeemed codes and used refresh tokens are rejected.
    const { authorityHost, tenantId } = options;
    for (const form of forms.slice(0, 2)) {
      const response = await fetch(`${authorityHost}/${tenantId}/oauth2/v2.0/token`, { method: "POST", body: form });
      assert.equal((await response.json()).error, "invalid_grant");
    }
  });
});

test("an intercepted code cannot be redeemed without the code verifier", { skip: NO_BROWSER }, async () => {
  await withBrowser(async ({ options, grants }, page) => {
    const tried: string[] = [];
    const credential = new InteractiveBrowserCredential({
      ...options,
      async fetch(url, init) {
        // An attacker with the code is faster, and tries it without a verifier and with another one.
        const form = new URLSearchParams(String(init?.body));
        for (const verifier of [undefined, "a".repeat(43)]) {
          if (verifier) form.set("code_verifier", verifier);
          else form.delete("code_verifier");
          const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
          tried.push((await response.json()).error);
        }
        return await fetch(url, init);
      },
      runtime: {
        async openUrl(url) {
          await page.goto(url);
          await fillIn(page, "jo");
        },
      },
    });
    await credential.getToken(API_SCOPE);
    assert.deepEqual(tried, ["invalid_grant", "invalid_grant"]);
    assert.deepEqual(grants.map((grant) => /code_verifier/.test(grant)), [true, true, false], grants.join());
  });
});

test(
  "a login hint is passed on, and a user who cancels causes an AuthenticationError",
  { skip: NO_BROWSER },
  async () => {
    await withBrowser(async ({ options }, page) => {
      const credential = new InteractiveBrowserCredential({
        ...options,
        loginHint: "jo@contoso.com",
        runtime: {
          async openUrl(url) {
            const { searchParams } = new URL(url);
            assert.equal(searchParams.get("prompt"), "login");
            await page.goto(url);
            await page.click('a:has-text("Cancel")');
          },
        },
      });
      const { name, message } = await failureOf(credential.getToken(API_SCOPE));
      assert.equal(name, "AuthenticationError");
      assert.match(message, /Cannot sign in: access_denied/);
      await page.waitForSelector("h1");
      assert.equal(await page.textContent("h1"), "Not signed in");
    });
  },
);
