// Runs on: deno
// A user signs in to a page and to a web app in Chromium, Firefox and WebKit, at the simulated Entra behind a loopback server with "http:".
import { createEntra, type Entra } from "@azweb/identity/testing";
import { build } from "esbuild";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BROWSERS, type Tab, untilValue } from "../support/browsers.ts";
import { createSelfSigned } from "../support/certificates/self_signed.ts";
import { serveHttp } from "../support/http_server.ts";
import { serveHttps } from "../support/https_server.ts";
import { handle } from "../support/web/sign_in_worker.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const USER = { tenantId: TENANT, username: "jo@contoso.com", password: "a-password" };

const PAGE = `
  import { InteractiveBrowserCredential } from "@azweb/identity/interactive-browser-credential";

  const options = JSON.parse(document.getElementById("options").textContent);
  const loginStyle = new URL(location).searchParams.get("style") ?? sessionStorage.getItem("style") ?? "popup";
  sessionStorage.setItem("style", loginStyle);
  const credential = new InteractiveBrowserCredential({ ...options, loginStyle });

  async function signIn() {
    const output = document.querySelector("output");
    try {
      const { username } = await credential.authenticate("https://graph.microsoft.com/User.Read");
      const { token } = await credential.getToken("https://graph.microsoft.com/Mail.Read");
      output.textContent = token ? username : "no token";
    } catch ({ name, message }) {
      output.textContent = name + ": " + message;
    }
  }
  document.querySelector("button").addEventListener("click", signIn);
  if (location.hash === "#load" || location.hash.includes("state=") && loginStyle === "redirect") signIn();
`;

interface Stage {
  /** Origin of the app. */
  readonly app: string;
  readonly entra: Entra;
  readonly tab: Tab;
}

function createStageEntra(): Entra {
  return createEntra({
    apps: [
      { tenantId: TENANT, clientId: "a-page" },
      { tenantId: TENANT, clientId: "a-web-app", secrets: ["a-secret"] },
    ],
    users: [USER],
  });
}

/** Serves a page whose origin is not that of the token service, and opens a tab for it. */
async function withPage(open: () => Promise<Tab>, use: (stage: Stage) => Promise<void>): Promise<void> {
  const name = "@azweb/identity/interactive-browser-credential";
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: "." },
    alias: { [name]: fileURLToPath(import.meta.resolve(name)) },
    ...{ bundle: true, format: "esm", platform: "browser", write: false },
  });
  const entra = createStageEntra();
  const service = await serveHttp(entra.handle);
  const options = {
    ...{ tenantId: TENANT, clientId: "a-page", authorityHost: service.url },
    ...{ allowInsecureLoopback: true, disableInstanceDiscovery: true },
  };
  const site = await serveHttp(({ url }) => {
    const { pathname, searchParams } = new URL(url);
    const isCode = pathname === "/app.js";
    const html = `<!doctype html><title>App</title><button>Sign in</button><output></output>
      <script type="application/json" id="options">${JSON.stringify(options)}</script>
      <script type="module" src="/app.js"></script>`;
    const headers = new Headers({ "content-type": isCode ? "text/javascript" : "text/html" });
    // A sandbox without "allow-popups", in which the browser blocks every popup window.
    if (searchParams.has("blocked")) headers.set("content-security-policy", "sandbox allow-scripts allow-same-origin");
    return Promise.resolve(new Response(isCode ? outputFiles[0]!.text : html, { headers }));
  });
  const tab = await open();
  try {
    await use({ app: site.url.replace("127.0.0.1", "localhost"), entra, tab });
  } finally {
    await tab.close();
    await site.close();
    await service.close();
  }
}

function grantsOf({ requests }: Entra): string[] {
  return requests.flatMap(({ form }) => form.grant_type ?? []);
}

const OUTPUT = "document.querySelector('output')?.textContent";
const BLOCKED =
  /^AuthenticationError: InteractiveBrowserCredential: Cannot sign in: The browser blocked the popup window/;

for (const [name, { missing, hasPopupBlocker, open }] of Object.entries(BROWSERS)) {
  describe(name, () => {
    test("in a popup, which the click handler opens", { skip: missing }, async () => {
      await withPage(open, async ({ app, entra, tab }) => {
        await tab.goto(app);
        await tab.click("button");
        assert.equal(await untilValue(tab, OUTPUT), USER.username);
        assert.deepEqual(grantsOf(entra), ["authorization_code", "refresh_token"]);
        assert.equal(await tab.evaluate("location.href"), `${app}/`);
      });
    });

    test("the browser blocks the popup, and the error says what to do", { skip: missing }, async () => {
      await withPage(open, async ({ app, entra, tab }) => {
        await tab.goto(hasPopupBlocker ? `${app}/#load` : `${app}/?blocked#load`);
        assert.match(String(await untilValue(tab, OUTPUT)), BLOCKED);
        assert.deepEqual(grantsOf(entra), []);
      });
    });

    test("by a redirect of the page", { skip: missing }, async () => {
      await withPage(open, async ({ app, entra, tab }) => {
        await tab.goto(`${app}/?style=redirect`);
        await tab.click("button");
        assert.equal(await untilValue(tab, OUTPUT), USER.username);
        assert.deepEqual(grantsOf(entra), ["authorization_code", "refresh_token"]);
        assert.equal(await tab.evaluate("location.href"), `${app}/`);
      });
    });

    test("by web sign-in", { skip: missing }, async () => {
      const entra = createStageEntra();
      const service = await serveHttp(entra.handle);
      const { certificate: cert, key } = await createSelfSigned();
      const fetch = fetchFor(entra);
      const app = await serveHttps((request) =>
        handle(request, {
          ...{ AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: "a-web-app", AZURE_CLIENT_SECRET: "a-secret" },
          ...{ REDIRECT_URI: `${app.url}/signed-in`, SEALING_KEY: btoa("1".repeat(32)), AUTHORITY_HOST: service.url },
        }, fetch), { cert, key });
      const tab = await open();
      try {
        await tab.goto(`${app.url}/me?a=b`);
        assert.equal(
          await untilValue(tab, "document.body?.textContent"),
          `${USER.username} is ${USER.username} to Microsoft Graph`,
        );
        assert.equal(await tab.evaluate("location.href"), `${app.url}/me?a=b`);
        assert.deepEqual(grantsOf(entra), ["authorization_code"]);
      } finally {
        await tab.close();
        await app.close();
        await service.close();
      }
    });
  });
}

/** Returns a fetch that reaches the token service, and an API that says whose token it gets. */
function fetchFor(entra: Entra): typeof fetch {
  return async (input, init) => {
    if (!String(input).startsWith("https://graph.microsoft.com/")) return await fetch(input, init);
    const token = new Headers(init?.headers).get("authorization")!.replace("Bearer ", "");
    const { upn, preferred_username } = await entra.verify(token);
    return Response.json({ userPrincipalName: upn ?? preferred_username });
  };
}
