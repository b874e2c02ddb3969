import { createEntra } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";

const HOST = "https://login.microsoftonline.com";
const TENANT = "11111111-2222-3333-4444-555555555555";
const GOOD = {
  grant_type: "client_credentials",
  client_id: "app",
  client_secret: "secret",
  scope: "https://vault.azure.net/.default",
};
const APP = { tenantId: TENANT, clientId: "app", secrets: ["secret"] };

function post(form: Record<string, string>, path = `/${TENANT}/oauth2/v2.0/token`): [string, RequestInit] {
  return [HOST + path, { method: "POST", body: new URLSearchParams(form) }];
}

test("a secret gives a token", async () => {
  const entra = createEntra({ apps: [APP] });
  const response = await entra.fetch(...post(GOOD));
  assert.equal(response.status, 200);
  const body = await response.json();
  const claims = await entra.verify(body.access_token);
  assert.equal(claims.aud, "https://vault.azure.net");
  assert.equal(claims.iss, `https://sts.windows.net/${TENANT}/`);
  assert.equal(entra.requests[0]?.form.client_secret, "secret");
});
