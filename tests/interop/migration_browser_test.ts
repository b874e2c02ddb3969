// Runs on: deno, node
// Rows of docs/migration.md about sign-in in the browser. The tests replace the program that opens the browser.
import * as theirs from "@azure/identity";
import * as ours from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { catchOpener } from "../support/interop/catch_opener.ts";
import { httpClientOf } from "../support/interop/side_by_side.ts";

const TENANT = "contoso.com";
const SCOPE = "https://graph.microsoft.com/User.Read";

/** The redirect URI of the authorization request, and the page that the browser shows at the end. */
interface Seen {
  readonly redirectUri: string;
  readonly page: string;
}

/** Returns the request by which the browser returns to the program: that of a redirect, or of a posted form. */
async function nextRequest(response: Response): Promise<Request> {
  const location = response.headers.get("location");
  if (location) return new Request(location);
  const html = (await response.text()).replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  const action = /<form method="post" action="([^"]*)">/.exec(html)?.[1];
  assert.ok(action, html);
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const body = new URLSearchParams(fields.map(([, name, value]) => [name!, value!]));
  return new Request(action, { method: "POST", body });
}

/** Signs a user in with both libraries, and the options of `more`. */
async function both(more: object): Promise<{ theirs: Seen; ours: Seen }> {
  const seen = [];
  for (const library of ["theirs", "ours"] as const) {
    const username = "jo@contoso.com";
    const entra = createEntra({
      apps: [{ tenantId: TENANT, clientId: "app", redirectUris: ["http://localhost"] }],
      users: [{ tenantId: TENANT, username, password: "password" }],
    });
    entra.signInAs(username);
    const own = { tenantId: TENANT, clientId: "app", ...more };
    let opened: Promise<string>;
    let done = () => {};
    let credential: { getToken(scope: string): Promise<unknown> };
    if (library === "ours") {
      opened = new Promise((resolve) => {
        const runtime = { openUrl: (url: string) => Promise.resolve(resolve(url)) };
        credential = new ours.InteractiveBrowserCredential({ ...own, env: {}, fetch: entra.fetch, runtime });
      });
    } else {
      ({ promise: opened, done } = catchOpener());
      const options = { redirectUri: "", ...own, httpClient: httpClientOf(entra.fetch) };
      credential = new theirs.InteractiveBrowserCredential(options as never);
    }
    try {
      const token = credential!.getToken(SCOPE);
      const url = await Promise.race([opened, token.then(() => assert.fail("Nothing was opened"))]);
      const page = await (await fetch(await nextRequest(await entra.fetch(url, { redirect: "manual" })))).text();
      await token;
      seen.push({ redirectUri: new URL(url).searchParams.get("redirect_uri")!, page });
    } finally {
      done();
    }
  }
  return { theirs: seen[0]!, ours: seen[1]! };
}

test("result pages of `InteractiveBrowserCredential`", async () => {
  const seen = await both({ browserCustomizationOptions: { successMessage: "<b>Done</b>" } });
  assert.match(seen.theirs.page, /<b>Done<\/b>/);
  assert.match(seen.ours.page, /&#60;b&#62;Done&#60;\/b&#62;/);
});

test("`redirectUri` with a port, outside of a web page", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const redirectUri = `http://localhost:${port}`;
  const seen = await both({ redirectUri });
  assert.equal(seen.ours.redirectUri, redirectUri);
  assert.notEqual(seen.theirs.redirectUri, redirectUri);
});
