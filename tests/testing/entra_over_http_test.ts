// Runs on: deno, node, bun
// A sign-in at the simulated Entra behind a loopback server with "http:", as in the tests of a whole app.
import { DeviceCodeCredential } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHttp } from "../support/http_server.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const USER = { tenantId: TENANT, username: "jo@contoso.com", password: "a-password" };

test("a user signs in, and the ID token with the server's issuer is accepted", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: "an-app" }], users: [USER] });
  const server = await serveHttp(entra.handle);
  try {
    const credential = new DeviceCodeCredential({
      ...{ tenantId: TENANT, clientId: "an-app", authorityHost: server.url },
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
      userPromptCallback: ({ userCode }) => entra.enterUserCode(userCode, USER.username),
      env: {},
      // Polls without waiting, because the user has already entered the code. Deadlines are never reached.
      runtime: { sleep: (ms) => ms >= 10_000 ? new Promise(() => {}) : Promise.resolve() },
    });
    const record = await credential.authenticate("https://graph.microsoft.com/User.Read");
    assert.equal(record?.username, USER.username);
  } finally {
    await server.close();
  }
});
