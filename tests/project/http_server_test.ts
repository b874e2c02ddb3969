// Runs on: deno, node, bun
// The server of the tests survives a client that disconnects during its request, as a browser does when a window is
// closed.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { serveHttp } from "../support/http_server.ts";

test("the server responds to the next request after a client has disconnected during its request", async () => {
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
