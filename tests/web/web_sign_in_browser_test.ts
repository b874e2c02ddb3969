// Runs on: deno
// A real browser signs in through the example Worker, at an independent certified authorization server.

import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { exportJWK, generateKeyPair } from "jose";
import { Miniflare } from "miniflare";
import Provider from "oidc-provider";
import { type Browser, chromium, type Page } from "playwright-core";
import { bundleSignInWorker } from "../support/web/bundle_sign_in_worker.ts";

const CHROMIUM = "/usr/bin/chromium";
const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "my-app";
const SECRET = "a secret ~.!*'() +%&=\"";

async function serve(listener?: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return { server, port: (server.address() as AddressInfo).port };
}

async function createProvider(issuer: string, redirectUri: string): Promise<Provider> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return new Provider(issuer, {
    clients: [{
      client_id: CLIENT,
      client_secret: SECRET,
      token_endpoint_auth_method: "client_secret_post",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [new URL("/", redirectUri).href],
    }],
    routes: {
      authorization: `/${TENANT}/oauth2/v2.0/authorize`,
      token: `/${TENANT}/oauth2/v2.0/token`,
      end_session: `/${TENANT}/oauth2/v2.0/logout`,
    },
    jwks: { keys: [{ ...await exportJWK(privateKey), kid: "1", alg: "RS256", use: "sig" }] },
    pkce: { required: () => true },
    // As Microsoft Entra does: the ID token contains the user's claims, and the response has a refresh token.
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], profile: ["preferred_username", "userPrincipalName", "tid"] },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, userPrincipalName: id, tid: TENANT }),
    }),
  });
}

interface Site {
  readonly app: string;
  readonly issuer: string;
  /** Authorization responses that do not reach the app, because `isOn` was set. */
  readonly intercepted: { isOn: boolean; readonly urls: string[] };
  readonly browser: Browser;
  /** The grants of the accepted token requests, and the reasons for which others were rejected. */
  readonly grants: string[];
}

/** Runs the server, the Worker and the browser while `use` runs. */
async function withSite(use: (site: Site) => Promise<void>): Promise<void> {
  const identity = await serve();
  const issuer = `http://127.0.0.1:${identity.port}`;
  const intercepted: Site["intercepted"] = { isOn: false, urls: [] };
  let miniflare: Miniflare | undefined;
  const site = await serve(async (request, response) => {
    const { method, headers, url } = request;
    if (intercepted.isOn && url!.startsWith("/signed-in?")) {
      intercepted.urls.push(url!);
      return response.end("Not here");
    }
    const result = await miniflare!.dispatchFetch(`http://localhost:${site.port}${url}`, {
      method: method!,
      headers: Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]),
      redirect: "manual",
    });
    response.writeHead(result.status, [...result.headers].flat());
    response.end(await result.text());
  });
  // The app is at another site than the authorization server, so that SameSite has an effect.
  const app = `http://localhost:${site.port}`;
  const grants: string[] = [];
  const provider = await createProvider(issuer, `${app}/signed-in`);
  provider.on("grant.success", ({ oidc }: { oidc: { params: { grant_type: string } } }) => {
    grants.push(oidc.params.grant_type);
  });
  provider.on("grant.error", (_context: unknown, { error_detail }: { error_detail: string }) => {
    grants.push(`refused: ${error_detail}`);
  });
  const handle = provider.callback();
  identity.server.on("request", (request, response) => {
    // Microsoft Entra identifies the app by the redirect URI.
    request.url = request.url!.replace("/logout?", `/logout?client_id=${CLIENT}&`);
    return handle(request, response);
  });
  let browser: Browser | undefined;
  try {
    miniflare = new Miniflare({
      modules: [{ type: "ESModule", path: "worker.js", contents: await bundleSignInWorker() }],
      compatibilityDate: "2024-09-23",
      bindings: {
        AZURE_TENANT_ID: TENANT,
        AZURE_CLIENT_ID: CLIENT,
        AZURE_CLIENT_SECRET: SECRET,
        REDIRECT_URI: `${app}/signed-in`,
        SEALING_KEY: btoa("1".repeat(32)),
        AUTHORITY_HOST: issuer,
        API: `${issuer}/me`,
        SCOPE: "profile",
      },
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    await use({ app, issuer, browser, grants, intercepted });
  } finally {
    await browser?.close();
    await miniflare?.dispose();
    for (const { server } of [identity, site]) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }
}

/** Enters the user name in the form. */
async function logIn(page: Page, username: string): Promise<void> {
  await page.fill("[name=login]", username);
  await page.fill("[name=password]", "any");
  await page.click("[type=submit]");
}

/** Signs in and consents in the forms. */
async function signIn(page: Page, username: string): Promise<void> {
  await logIn(page, username);
  await page.click("text=Continue");
}

test("users sign in with a browser, stay signed in, and sign out", async () => {
  await withSite(async ({ app, browser, grants }) => {
    const users = await Promise.all(["jo@contoso.com", "sam@contoso.com"].map(async (name) => {
      const context = await browser.newContext();
      return { name, context, page: await context.newPage() };
    }));
    for (const { name, page, context } of users) {
      await page.goto(`${app}/me?a=b`);
      await signIn(page, name);
      await page.waitForURL(`${app}/me?a=b`);
      assert.equal(await page.textContent("body"), `${name} is ${name} to Microsoft Graph`);
      const cookies = (await context.cookies(app)).filter(({ name }) => name.startsWith("__Host-"));
      assert.deepEqual(
        cookies.map(({ name, secure, httpOnly, sameSite }) => [name, secure, httpOnly, sameSite]),
        [["__Host-session", true, true, "Lax"]],
        "the cookie of the sign-in is gone",
      );
    }
    for (const { name, page } of users) {
      await page.reload();
      assert.equal(await page.textContent("body"), `${name} is ${name} to Microsoft Graph`);
    }
    assert.deepEqual(grants, ["authorization_code", "authorization_code"]);

    const [jo, sam] = users as [typeof users[0], typeof users[0]];
    await jo.page.setContent('<form method="post" action="/sign-out"><button>Leave</button></form>');
    await jo.page.click("text=Leave");
    await jo.page.click("text=Yes, sign me out");
    await jo.page.waitForURL(`${app}/`);
    await jo.page.goto(`${app}/me`);
    await signIn(jo.page, "jo@contoso.com");
    await jo.page.waitForURL(`${app}/me`);
    await sam.page.reload();
    assert.equal(await sam.page.textContent("body"), "sam@contoso.com is sam@contoso.com to Microsoft Graph");
    assert.equal(grants.length, 3, "only the user who signed out signs in again");
  });
});

test("two tabs of a browser sign in concurrently", async () => {
  await withSite(async ({ app, browser, grants }) => {
    const context = await browser.newContext();
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(`${app}/me?first`);
    await second.goto(`${app}/me?second`);
    await signIn(first, "jo@contoso.com");
    await first.waitForURL(`${app}/me?first`);
    await logIn(second, "jo@contoso.com");
    await second.waitForURL(`${app}/me?second`);
    assert.equal(await second.textContent("body"), "jo@contoso.com is jo@contoso.com to Microsoft Graph");
    assert.deepEqual(grants, ["authorization_code", "authorization_code"]);
  });
});

test("an intercepted code cannot be used without the code verifier or in another browser", async () => {
  await withSite(async ({ app, issuer, browser, grants, intercepted }) => {
    const victim = await (await browser.newContext()).newPage();
    await victim.goto(`${app}/me`);
    intercepted.isOn = true;
    await signIn(victim, "jo@contoso.com");
    await victim.waitForURL(`${app}/signed-in?**`);
    intercepted.isOn = false;
    const [link] = intercepted.urls as [string];
    const form = {
      grant_type: "authorization_code",
      client_id: CLIENT,
      client_secret: SECRET,
      code: new URL(link, app).searchParams.get("code")!,
      redirect_uri: `${app}/signed-in`,
    };
    for (const verifier of [undefined, "a".repeat(43)]) {
      const body = new URLSearchParams({ ...form, ...verifier && { code_verifier: verifier } });
      const response = await fetch(`${issuer}/${TENANT}/oauth2/v2.0/token`, { method: "POST", body });
      assert.deepEqual([response.status, (await response.json()).error], [400, "invalid_grant"]);
    }
    assert.match(grants.join(), /refused: .*(verifier|PKCE).*refused: /i);

    const other = await (await browser.newContext()).newPage();
    assert.equal((await other.goto(app + link))!.status(), 400);
    assert.match(await other.textContent("body") ?? "", /^You are not signed in/);
    assert.equal(grants.length, 2, "nothing is sent");
  });
});
