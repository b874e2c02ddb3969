// Runs on: deno
// What a sign-in in the browser needs of Deno's permissions, each in a process of its own: no question, and the exact flag in the message.
import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNT_QUESTIONS, runWithFlags } from "./support/permissions.ts";

const LISTEN = "--allow-net=127.0.0.1,[::1]";

/** Returns what a sign-in comes to, and how many questions it asked. */
async function ask(flags: string[], options = ""): Promise<string> {
  return await runWithFlags(
    flags,
    `
    ${COUNT_QUESTIONS}
    const { InteractiveBrowserCredential } = await import("@azweb/identity");
    const credential = new InteractiveBrowserCredential({
      tenantId: "contoso.com", authorityHost: "https://login.microsoftonline.com", env: {}, ${options}
    });
    const { name, message } = await credential.getToken("https://vault.azure.net/.default").catch((error) => error);
    console.log(name + " / " + message, "/", questions);
  `,
  );
}

/** A user who declines. */
const DECLINE = `
  runtime: {
    async openUrl(url) {
      const { searchParams: asked } = new URL(url);
      const body = new URLSearchParams({ error: "declined", state: asked.get("state") });
      const { port } = new URL(asked.get("redirect_uri"));
      await fetch("http://127.0.0.1:" + port, { method: "POST", body });
    },
  },`;

for (const flags of [[LISTEN], ["--allow-net=127.0.0.1"], ["--allow-net"]]) {
  test(`${flags} is enough to be answered, and nobody is asked`, async () => {
    assert.equal(
      await ask(flags, DECLINE),
      "AuthenticationError / InteractiveBrowserCredential: Cannot sign in: declined / 0",
    );
  });
}

for (const flags of [[], ["--allow-net=localhost"], ["--allow-net=[::1]"], ["--deny-net"]]) {
  test(`with ${flags.join() || "no flag"} it says which one is missing, and asks nobody`, async () => {
    assert.equal(
      await ask(flags, DECLINE),
      "CredentialUnavailableError / InteractiveBrowserCredential: Cannot have a user sign in: " +
        `Deno may serve no loopback address: Run Deno with ${LISTEN}, or use DeviceCodeCredential / 0`,
    );
  });
}

test("a port of the app's choice needs no more than that port", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  assert.match(
    await ask([`--allow-net=127.0.0.1:${port}`], `redirectUri: "http://localhost:${port}", ${DECLINE}`),
    /Cannot sign in: declined \/ 0$/,
  );
});

test("it says which flag is missing to open a browser, and asks nobody", async () => {
  const opener = Deno.build.os === "darwin" ? "/usr/bin/open" : "/usr/bin/xdg-open";
  assert.equal(
    await ask([LISTEN]),
    "CredentialUnavailableError / InteractiveBrowserCredential: Cannot have a user sign in: No browser can be opened " +
      `(Run Deno with --allow-run=${opener}): Give "log", which is told the URL, or use DeviceCodeCredential / 0`,
  );
});
