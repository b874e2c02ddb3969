// Runs on: node
// A user signs in to a page with the packed library: in a popup, and by a redirect of the page.
import { build } from "esbuild";
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { fillIn, NO_BROWSER, openPage, startBrowser } from "../support/chromium.ts";
import { serveHttp } from "../support/http_server.ts";
import { API_SCOPE, type OidcProvider, PAGE_APP, startOidcProvider } from "../support/interop/oidc_provider.ts";

const APP = `
  import { InteractiveBrowserCredential } from "@azweb/identity";

  const options = JSON.parse(document.getElementById("options").textContent);
  const loginStyle = new URL(location).searchParams.get("style") ?? sessionStorage.getItem("style") ?? undefined;
  const timeoutInMs = opener ? 1000 : options.timeoutInMs;
  const credential = new InteractiveBrowserCredential({ ...options, loginStyle, timeoutInMs });
  const output = document.querySelector("output");

  async function signIn() {
    document.title = "Requesting a token";
    if (loginStyle) sessionStorage.setItem("style", loginStyle);
    try {
      const first = await credential.getToken(options.scope);
      const again = await credential.getToken(options.scope, { claims: "{}" });
      output.textContent = first.token !== again.token ? "signed in" : "the same token";
    } catch ({ name, message }) {
      output.textContent = name + ": " + message;
    }
  }
  // In a popup, the response is for the page that opened it, although the popup is a page of the app too.
  const hasReturned = location.hash.includes("state=") && loginStyle === "redirect";
  if (hasReturned || options.requestsOnLoad) signIn();
  document.querySelector("button").addEventListener("click", signIn);
`;

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: APP, resolveDir: process.cwd() },
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["node-forge"],
    write: false,
  });
  return outputFiles[0]!.text;
}

interface Stage {
  /** The origin of the app. */
  readonly app: string;
  readonly server: OidcProvider;
  readonly page: Page;
}

/** Runs the app in a page whose site differs from the server's. If `requestsOnLoad`, it requests a token on load. */
async function withPage(
  use: (stage: Stage) => Promise<void>,
  appOptions: { readonly requestsOnLoad?: boolean; readonly timeoutInMs?: number } = {},
): Promise<void> {
  const code = await bundle();
  let options = "";
  const http = await serveHttp((request) => {
    const isCode = new URL(request.url).pathname === "/app.js";
    const html = `<!doctype html><title>App</title><button>Sign in</button><output></output>
      <script type="application/json" id="options">${options}</script><script type="module" src="/app.js"></script>`;
    const type = isCode ? "text/javascript" : "text/html";
    return Promise.resolve(new Response(isCode ? code : html, { headers: { "content-type": type } }));
  });
  const app = http.url.replace("127.0.0.1", "localhost");
  const server = await startOidcProvider([app]);
  const { tenantId, authorityHost, allowInsecureLoopback, disableInstanceDiscovery } = server.options;
  options = JSON.stringify({
    ...{ tenantId, authorityHost, allowInsecureLoopback, disableInstanceDiscovery },
    ...{ clientId: PAGE_APP, scope: API_SCOPE },
    ...appOptions,
  });
  const browser = await startBrowser();
  try {
    await use({ app, server, page: await openPage(browser) });
  } finally {
    await browser.close();
    await server.close();
    await http.close();
  }
}

const GRANTS = ["authorization_code: granted", "refresh_token: granted"];

async function outcome(page: Page): Promise<string> {
  await page.waitForFunction("document.querySelector('output')?.textContent");
  return (await page.textContent("output"))!;
}

test("a user signs in in a popup", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, server, page }) => {
    await page.goto(app);
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.click("button")]);
    await popup.waitForLoadState();
    const closed = popup.waitForEvent("close");
    await fillIn(popup, "jo");
    assert.equal(await outcome(page), "signed in");
    await closed;
    assert.deepEqual(server.grants, GRANTS);
    assert.equal(page.url(), `${app}/`);
  });
});

test("a user closes the popup, or cancels the sign-in in it", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, server, page }) => {
    for (
      const [leave, expected] of [
        [(popup: Page) => popup.close(), /Cannot sign in: The user has closed the window$/],
        [(popup: Page) => popup.click('a:has-text("Cancel")'), /Cannot sign in: access_denied/],
      ] as const
    ) {
      await page.goto(app);
      const [popup] = await Promise.all([page.waitForEvent("popup"), page.click("button")]);
      await popup.waitForLoadState();
      await leave(popup);
      assert.match(await outcome(page), expected);
    }
    assert.deepEqual(server.grants, []);
  });
});

/** Prevents a page from polling the popups that it has opened, until the returned function is called. */
async function holdTimers(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(`
    globalThis.held = [];
    globalThis.realSetTimeout = setTimeout;
    globalThis.setTimeout = (...timer) => held.push(timer);
  `);
  return async () => {
    await page.evaluate("globalThis.setTimeout = realSetTimeout; for (const timer of held) setTimeout(...timer)");
  };
}

test(
  "the popup with the authorization response opens no other popup, although the app requests a token there too",
  { skip: NO_BROWSER },
  async () => {
    await withPage(async ({ app, server, page }) => {
      const opening = page.waitForEvent("popup");
      await page.goto(app);
      const popup = await opening;
      await popup.waitForLoadState();
      const release = await holdTimers(page);
      await fillIn(popup, "jo");
      await popup.waitForFunction("document.title === 'Requesting a token'");
      const further: Page[] = [];
      page.context().on("page", (page) => further.push(page));
      await popup.waitForTimeout(500);
      await release();
      assert.equal(await outcome(page), "signed in");
      assert.deepEqual(further.map((page) => page.url()), []);
      assert.deepEqual(server.grants, GRANTS);
    }, { requestsOnLoad: true });
  },
);

test("the popup of an aborted sign-in tells the user to close it", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, page }) => {
    const opening = page.waitForEvent("popup");
    await page.goto(app);
    const popup = await opening;
    await popup.waitForLoadState();
    await page.goto("about:blank");
    await fillIn(popup, "jo");
    assert.equal(
      await outcome(popup),
      "AuthenticationError: InteractiveBrowserCredential: Cannot get a token: The popup window of the sign-in was " +
        'not closed within the 1000 ms of "timeoutInMs". Close it, and sign in again in the page that opened it',
    );
  }, { requestsOnLoad: true });
});

test("a sign-in in a popup times out", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, page }) => {
    await page.goto(app);
    await page.click("button");
    assert.equal(
      await outcome(page),
      "AuthenticationError: InteractiveBrowserCredential: Cannot get a token: The user has not signed in within the 2000 ms of " +
        `"timeoutInMs". If the window shows AADSTS50011, register "${app}" under "Single-page application"`,
    );
    for (const popup of page.context().pages()) if (popup !== page) await popup.waitForEvent("close");
  }, { timeoutInMs: 2000 });
});

test("the browser blocks the popup", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, page }) => {
    await page.goto(app);
    await page.evaluate("window.open = () => null");
    await page.click("button");
    assert.match(await outcome(page), /^AuthenticationError: .*The browser blocked the popup window/);
  });
});

/** Leaves the page, signs in, and returns with a valid authorization response. */
async function signInByRedirect({ app, server, page }: Stage): Promise<void> {
  await page.click("button");
  await page.waitForSelector('input[name="login"]');
  await fillIn(page, "jo");
  await page.waitForURL((url) => url.origin === app);
  assert.equal(await outcome(page), "signed in");
  assert.deepEqual(server.grants, GRANTS);
}

test("a user signs in by a redirect of the page", { skip: NO_BROWSER }, async () => {
  await withPage(async (stage) => {
    const { app, page } = stage;
    await page.goto(`${app}/?style=redirect`);
    await signInByRedirect(stage);
    // Neither the code nor the parameters of the authorization request are left.
    assert.equal(page.url(), `${app}/`);
    assert.deepEqual(await page.evaluate("Object.keys(sessionStorage)"), ["style"]);
  });
});

test("a user who navigates back can start another sign-in", { skip: NO_BROWSER }, async () => {
  await withPage(async (stage) => {
    const { app, page } = stage;
    await page.goto(`${app}/?style=redirect`);
    await page.click("button");
    await page.waitForSelector('input[name="login"]');
    await page.goBack({ waitUntil: "commit" });
    // The browser restores the page from the back/forward cache, with its pending call.
    assert.match(await outcome(page), /Cannot sign in: The user returned without signing in$/);
    await signInByRedirect(stage);
  });
});

test("an unsolicited authorization response is ignored, and a sign-in starts", { skip: NO_BROWSER }, async () => {
  await withPage(async ({ app, server, page }) => {
    await page.goto(`${app}/?style=redirect#code=of-an-attacker&state=guessed`);
    await page.waitForSelector('input[name="login"]');
    assert.equal(new URL(page.url()).origin, server.options.authorityHost);
    assert.deepEqual(server.grants, []);
  });
});
