// Runs on: deno, node, bun
// The tests' server outlives a client that goes before its request has ended: a browser does when a window is closed.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { serveHttp } from "../support/http_server.ts";

test("a request that is cut off fails no test, and the next one gets its response", async () => {
  const server = await serveHttp(async (request) => new Response(await request.text()));
  try {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf");
    socket.end();
    await server.untilLeft();
    const response = await fetch(server.url, { method: "POST", body: "whole" });
    assert.equal(await response.text(), "whole");
  } finally {
    await server.close();
  }
});
