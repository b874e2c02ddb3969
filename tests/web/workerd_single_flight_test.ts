// Runs on: deno
// On workerd a request that awaits another request's promise may wait for ever. These tests hold the token response
// while the request that needs it ends, and assert that the other requests get their token, on two versions of workerd.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import workerdPackage from "workerd";

// A CommonJS module: its exports are the default export.
const { default: newestWorkerd, version: newestVersion } = workerdPackage as unknown as {
  default: string;
  version: string;
};

const oldestVersion = createRequire(import.meta.resolve("miniflare"))("workerd").version as string;

test("two different versions of workerd are installed", () => assert.notEqual(oldestVersion, newestVersion));

interface TokenEndpoint {
  readonly origin: string;
  /** The scopes of the token requests, in order. */
  readonly scopes: string[];
  /** Responds to the pending requests and to all later ones. */
  release(): void;
  /** Holds the responses again. */
  hold(): void;
  close(): Promise<void>;
}

async function startTokenEndpoint(): Promise<TokenEndpoint> {
  const scopes: string[] = [];
  const watchers: (() => void)[] = [];
  let gate = Promise.withResolvers<void>();
  function note(what: string) {
    scopes.push(what);
    for (const seen of watchers.splice(0)) seen();
  }
  const server = createServer(async (request, response) => {
    const url = new URL(request.url!, "http://localhost");
    if (url.pathname === "/asked") {
      while (!scopes.includes(url.searchParams.get("scope")!)) await new Promise<void>((seen) => watchers.push(seen));
      return response.end();
    }
    if (url.pathname === "/mark") {
      note(url.searchParams.get("scope")!);
      return response.end();
    }
    let form = "";
    try {
      for await (const chunk of request) form += chunk;
    } catch {
      return; // The Worker's request has ended, as intended by these tests.
    }
    note(new URLSearchParams(form).get("scope")!);
    await gate.promise;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ access_token: `token-${scopes.length}`, token_type: "Bearer", expires_in: 3600 }));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    scopes,
    release: () => gate.resolve(),
    hold: () => void (gate = Promise.withResolvers<void>()),
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

function support(name: string): string {
  return fileURLToPath(new URL(`../support/web/${name}`, import.meta.url));
}

async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [support(name)],
    alias: {
      "@azweb/identity/client-secret-credential": fileURLToPath(
        import.meta.resolve("@azweb/identity/client-secret-credential"),
      ),
    },
    bundle: true,
    format: "esm",
    external: ["cloudflare:workers"],
    write: false,
  });
  return outputFiles[0]!.text;
}

for (const workerd of [undefined, newestWorkerd]) {
  for (const nodejsCompat of [false, true]) {
    for (const waitUntil of [true, false]) {
      const version = `workerd ${workerd === undefined ? oldestVersion : newestVersion}`;
      const how = `${nodejsCompat ? "with" : "without"} nodejs_compat, ${waitUntil ? "with" : "without"} waitUntil`;

      test(`other requests get their token when a request ends: ${version}, ${how}`, async () => {
        const endpoint = await startTokenEndpoint();
        if (workerd !== undefined) process.env.MINIFLARE_WORKERD_PATH = workerd;
        const common = {
          compatibilityDate: "2025-06-01",
          compatibilityFlags: ["enable_request_signal", ...nodejsCompat ? ["nodejs_compat"] : []],
        };
        const bindings = { AUTHORITY: endpoint.origin, WAIT_UNTIL: waitUntil };
        const module = async (
          name: string,
        ) => [{ type: "ESModule" as const, path: name, contents: await bundle(name) }];
        const miniflare = new Miniflare({
          workers: [
            {
              ...common,
              name: "app",
              routes: ["app.test/*"],
              modules: await module("flight_worker.js"),
              modulesRoot: "/",
              bindings,
            },
            {
              ...common,
              name: "aborting",
              routes: ["aborting.test/*"],
              modules: await module("aborting_worker.js"),
              modulesRoot: "/",
              bindings,
              serviceBindings: { APP: "app" },
            },
          ],
        });
        try {
          const get = async (worker: "app" | "aborting", path: string) =>
            await (await miniflare.dispatchFetch(`http://${worker}.test${path}`, {
              signal: AbortSignal.timeout(240_000),
            })).text();
          const entered = async () => Number(await get("app", "/entered"));

          for (
            const [scope, end] of [["early", () => get("app", "/early?scope=early")], [
              "aborted",
              () => get("aborting", "/?scope=aborted"),
            ]] as const
          ) {
            endpoint.hold();
            const before = await entered();
            assert.equal(await end(), scope, "the first request ends while its token request is in flight");
            const others = [get("app", `/token?scope=${scope}`), get("app", `/token?scope=${scope}`)];
            for (let looks = 0; await entered() < before + 3; looks++) {
              assert.ok(looks < 1000, "the others never came in");
            }
            endpoint.release();
            for (const token of await Promise.all(others)) assert.match(token, /^token-\d+$/);
            const requests = endpoint.scopes.filter((requested) => requested === scope).length;
            if (waitUntil) assert.equal(requests, 1, "all share one token request");
            else assert.ok(requests >= 2, "each of the others sends its own");
          }

          // 1,000 calls in twenty requests: with one credential, and with as many equal credentials.
          for (const scope of waitUntil ? ["one", "equal"] : []) {
            endpoint.hold();
            const before = await entered();
            const all = Array.from({ length: 20 }, () => get("app", `/many?scope=${scope}&whose=${scope}`));
            for (let looks = 0; await entered() < before + 20; looks++) assert.ok(looks < 1000, "not all came in");
            endpoint.release();
            assert.equal(new Set(await Promise.all(all)).size, 1, "all have the same token");
            assert.equal(
              endpoint.scopes.filter((requested) => requested === scope).length,
              1,
              "all share one token request",
            );
          }

          endpoint.hold();
          const aborted = ["first", "last"].map((me, index, all) =>
            get("app", `/leaves?scope=left&me=${me}&other=${all[1 - index]}`)
          );
          assert.deepEqual(await Promise.all(aborted), ["AbortError", "AbortError"], "each call rejects at once");
          endpoint.release();
          assert.match(await get("app", "/token?scope=left"), /^token-\d+$/, "a later call gets a token");
        } finally {
          delete process.env.MINIFLARE_WORKERD_PATH;
          await miniflare.dispose();
          await endpoint.close();
        }
      });
    }
  }
}
