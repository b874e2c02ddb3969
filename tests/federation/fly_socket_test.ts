// Runs on: deno, node, bun
import { fromFly } from "@azweb/identity/federation";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { jwtOf, NOW } from "../support/federation/assertions.ts";
import { failureOf } from "../support/service.ts";

const OPTIONS = { env: {}, runtime: { now: () => NOW }, retryOptions: { maxRetries: 0 } };

test("fromFly requests the assertion over a Unix socket, and its error names a missing socket", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fly-"));
  const socketPath = join(folder, "api");
  const requests: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => body += chunk);
    request.on("end", () => {
      requests.push([request.method, request.url, request.headers.host, body]);
      response.end(`${jwtOf()}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  try {
    assert.equal(await fromFly({ ...OPTIONS, socketPath })(), jwtOf());
    assert.deepEqual(requests, [["POST", "/v1/tokens/oidc", "localhost", '{"aud":"api://AzureADTokenExchange"}']]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
  const { message } = await failureOf(fromFly({ ...OPTIONS, socketPath })());
  assert.ok(message.startsWith(`Cannot get the assertion of Fly.io from "localhost": Cannot reach "${socketPath}": `));
});
