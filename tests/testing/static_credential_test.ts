import { StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";

test("StaticCredential returns its token, which never expires", async () => {
  const credential = new StaticCredential("a-token");
  const token = await credential.getToken();
  assert.deepEqual(token, { token: "a-token", expiresOnTimestamp: 8_640_000_000_000_000, tokenType: "Bearer" });
  assert.equal(new Date(token.expiresOnTimestamp).getTime(), token.expiresOnTimestamp);
});

test("StaticCredential returns the expiry time if it is given", async () => {
  const { expiresOnTimestamp } = await new StaticCredential("a-token", { expiresOnTimestamp: 5 }).getToken();
  assert.equal(expiresOnTimestamp, 5);
});

test("StaticCredential returns its token for any scopes and options", async () => {
  const credential = new StaticCredential("a-token");
  const { signal } = new AbortController();
  assert.equal((await credential.getToken("https://vault.azure.net/.default")).token, "a-token");
  assert.equal((await credential.getToken(["a", "b"], { tenantId: "any", abortSignal: signal })).token, "a-token");
});

test("StaticCredential returns a copy to each caller", async () => {
  const credential = new StaticCredential("a-token");
  (await credential.getToken() as { token: string }).token = "another";
  assert.equal((await credential.getToken()).token, "a-token");
});

test("StaticCredential does not reveal its token when it is inspected", () => {
  const credential = new StaticCredential("a-token");
  assert.equal(JSON.stringify(credential), "{}");
});

test("StaticCredential rejects a malformed token", () => {
  for (const token of ["", undefined, null, 1, {}]) {
    assert.throws(() => new StaticCredential(token as string), {
      name: "TypeError",
      message: /"token" must be a non-empty string/,
    });
  }
});
