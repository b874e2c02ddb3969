import { StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";

test("StaticCredential hands out its token, which never ends", async () => {
  const credential = new StaticCredential("a-token");
  const token = await credential.getToken();
  assert.deepEqual(token, { token: "a-token", expiresOnTimestamp: 8_640_000_000_000_000, tokenType: "Bearer" });
  assert.equal(new Date(token.expiresOnTimestamp).getTime(), token.expiresOnTimestamp);
});

test("StaticCredential says when its token ends, if that is known", async () => {
  const { expiresOnTimestamp } = await new StaticCredential("a-token", { expiresOnTimestamp: 5 }).getToken();
  assert.equal(expiresOnTimestamp, 5);
});

test("StaticCredential gives each caller a copy", async () => {
  const credential = new StaticCredential("a-token");
  (await credential.getToken() as { token: string }).token = "another";
  assert.equal((await credential.getToken()).token, "a-token");
});

test("StaticCredential does not show its token", () => {
  const credential = new StaticCredential("a-token");
  assert.equal(JSON.stringify(credential), "{}");
});

test("StaticCredential refuses what is no token", () => {
  for (const token of ["", undefined, null, 1, {}]) {
    assert.throws(() => new StaticCredential(token as string), {
      name: "TypeError",
      message: /"token" must be a non-empty string/,
    });
  }
});
