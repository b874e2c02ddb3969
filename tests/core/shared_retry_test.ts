// Runs on: deno
// On workerd, callers whose shared request was lost share the next one. The test code runs in a separate process, which
// simulates workerd.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runWithFlags } from "../support/permissions.ts";

test("after a lost request, a caller that aborts does not abort the next request, which another caller shares", async () => {
  const output = await runWithFlags(
    ["--allow-read"],
    `
    const { log } = console;
    delete globalThis.Deno;
    delete globalThis.process;
    Object.defineProperty(globalThis, "navigator", { value: { userAgent: "Cloudflare-Workers" } });
    const { ClientSecretCredential } = await import("@azweb/identity");
    const lost = Promise.withResolvers();
    const held = Promise.withResolvers();
    const resent = Promise.withResolvers();
    let requests = 0;
    async function fetch(_url, { body, signal }) {
      const sent = String(body).includes("storage") ? ++requests : 0;
      if (sent === 1) await lost.promise;
      if (sent === 2) resent.resolve();
      if (sent !== 0) await Promise.race([held.promise, new Promise((_, abort) => signal.addEventListener("abort", () => abort(signal.reason)))]);
      return Response.json({ access_token: "token-" + requests, token_type: "Bearer", expires_in: 3600 });
    }
    const options = { env: {}, fetch, waitUntil() {}, retryOptions: { maxRetries: 0 } };
    const credential = new ClientSecretCredential("my-tenant-id", "my-client-id", "my-secret", options);
    // After a first call, further calls join the shared request in order.
    await credential.getToken("https://vault.azure.net/.default");
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const calls = controllers.map(({ signal: abortSignal }) =>
      credential.getToken("https://storage.azure.com/.default", { abortSignal }).then(({ token }) => token, ({ name }) => name)
    );
    // Wait until all calls have joined the first request.
    while (requests === 0) await new Promise((resolve) => setTimeout(resolve));
    lost.reject(new TypeError("The network changed"));
    await resent.promise;
    // Wait until the third call has joined the request of the second one.
    await new Promise((resolve) => setTimeout(resolve));
    controllers[1].abort();
    await new Promise((resolve) => setTimeout(resolve));
    held.resolve();
    log((await Promise.all(calls)).join(", "));
  `,
  );
  assert.equal(output, "AuthenticationError, AbortError, token-2");
});
