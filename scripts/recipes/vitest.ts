import assert from "node:assert/strict";
import type { Recipe } from "./recipe.ts";

/** The environments of Node, jsdom and happy-dom. */
export const vitest: Recipe = {
  section: "vitest",
  packages: { vitest: "5.1.2", "happy-dom": "21.0.4", jsdom: "31.0.1", jose: "6.2.17" },
  files: {
    // oauth4webapi does not recognise an ArrayBuffer of another realm, so that users cannot sign in in jsdom.
    "user.test.ts": `// @vitest-environment happy-dom
import { InteractiveBrowserCredential } from "@azweb/identity";
import { createEntra } from "@azweb/identity/testing";
import { expect, test } from "vitest";
test("happy-dom is no page: the user signs in as in a program", async () => {
  const tenantId = "contoso.com";
  const entra = createEntra({
    apps: [{ tenantId, clientId: "my-app" }],
    users: [{ tenantId, username: "jo@contoso.com", password: "a-password" }],
  });
  const { fetch, browser: runtime } = entra;
  const credential = new InteractiveBrowserCredential({ tenantId, clientId: "my-app", fetch, runtime, env: {} });
  expect(document.body).toBeDefined();
  expect((await credential.authenticate("https://graph.microsoft.com/.default")).username).toBe("jo@contoso.com");
});`,
  },
  async run({ folder, node }) {
    const test = await Deno.readTextFile(`${folder}/token.test.ts`);
    for (const environment of ["jsdom", "happy-dom"]) {
      await Deno.writeTextFile(`${folder}/${environment}.test.ts`, `// @vitest-environment ${environment}\n${test}`);
    }
    assert.match(await node(["node_modules/.bin/vitest", "run"]), /Tests +4 passed/);
  },
};
