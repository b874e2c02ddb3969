// Runs on: deno, node, bun
// A sign-in at the simulated Entra behind a loopback server with "http:", as a test of a whole app has it.
import { DeviceCodeCredential } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHttp } from "../support/http_server.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const USER = { tenantId: TENANT, username: "jo@contoso.com", password: "a-password" };

test("a user signs in, and the ID token is that of the server", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: "an-app" }], users: [USER] });
  const server = await serveHttp(entra.handle);
  try {
    const credential = new DeviceCodeCredential({
      ...{ tenantId: TENANT, clientId: "an-app", authorityHost: server.url },
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
      userPromptCallback: ({ userCode }) => entra.enterUserCode(userCode, USER.username),
      env: {},
      // No waits between polls: the user has entered the code.
      runtime: { sleep: (ms) => ms >= 10_000 ? new Promise(() => {}) : Promise.resolve() },
    });
    const record = await credential.authenticate("https://graph.microsoft.com/User.Read");
    assert.equal(record?.username, USER.username);
  } finally {
    await server.close();
  }
});
