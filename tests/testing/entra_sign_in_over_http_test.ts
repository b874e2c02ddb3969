// Runs on: deno, node, bun
// A user signs in to a program and to a web app at the simulated Entra behind a loopback server with "http:".
import { InteractiveBrowserCredential } from "@azweb/identity";
import { createEntra, type Entra } from "@azweb/identity/testing";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHttp } from "../support/http_server.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const USER = { tenantId: TENANT, username: "jo@contoso.com", password: "a-password" };
const SCOPE = "https://graph.microsoft.com/User.Read";

/** Runs the simulated Entra as a server; `options` make a credential use it. */
async function withEntra(use: (entra: Entra, options: ReturnType<typeof optionsFor>) => Promise<void>): Promise<void> {
  const apps = [{ tenantId: TENANT, clientId: "a-program" }, {
    ...{ tenantId: TENANT, clientId: "a-web-app", secrets: ["a-secret"] },
    redirectUris: ["http://localhost:8080/signed-in"],
  }];
  const entra = createEntra({ apps, users: [USER] });
  const server = await serveHttp(entra.handle);
  try {
    await use(entra, optionsFor(server.url));
  } finally {
    await server.close();
  }
}

function optionsFor(authorityHost: string) {
  return {
    ...{ tenantId: TENANT, authorityHost, env: {} },
    ...{ allowInsecureLoopback: true, disableInstanceDiscovery: true },
  } as const;
}

test("a user signs in to a program with a browser", async () => {
  await withEntra(async (entra, options) => {
    const credential = new InteractiveBrowserCredential({
      ...{ ...options, clientId: "a-program" },
      runtime: {
        async openUrl(url) {
          const html = await (await fetch(url)).text();
          const [, action] = /action="([^"]+)"/.exec(html)!;
          const fields = [...html.matchAll(/name="([^"]+)" value="([^"]+)"/g)].map((
            [, name, value],
          ) => [name!, value!]);
          const page = await fetch(action!, { method: "POST", body: new URLSearchParams(fields) });
          await page.text();
        },
      },
    });
    const record = await credential.authenticate(SCOPE);
    assert.deepEqual([record?.username, record?.tenantId], [USER.username, TENANT]);
    await credential.getToken("https://graph.microsoft.com/Mail.Read");
    assert.deepEqual(entra.requests.flatMap(({ form }) => form.grant_type ?? []), [
      "authorization_code",
      "refresh_token",
    ]);
    const { iss } = await entra.verify((await credential.getToken(SCOPE)).token);
    assert.ok(String(iss).includes(TENANT));
  });
});

test("a user signs in to a web app", async () => {
  await withEntra(async (_entra, options) => {
    const signIn = createWebSignIn({
      ...{ ...options, clientId: "a-web-app", clientSecret: "a-secret", scopes: SCOPE },
      ...{ redirectUri: "http://localhost:8080/signed-in", sealingKey: btoa("1".repeat(32)) },
    });
    const redirect = await signIn.signIn(new Request("http://localhost:8080/"));
    const response = await fetch(redirect.headers.get("location")!, { redirect: "manual" });
    await response.body?.cancel();
    const cookie = redirect.headers.get("set-cookie")!.split(";")[0]!;
    const { account } = await signIn.redeem(new Request(response.headers.get("location")!, { headers: { cookie } }));
    assert.deepEqual([account.username, account.tenantId], [USER.username, TENANT]);
  });
});
