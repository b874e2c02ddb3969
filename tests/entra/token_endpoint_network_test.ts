// Faults of the token endpoint that depend on the runtime's fetch, and are therefore tested with real connections.
import { ClientSecretCredential, type CredentialOptions } from "@azweb/identity";
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { CLIENT, failureOf, SCOPE, TENANT } from "../support/service.ts";

type Handle = (request: IncomingMessage, response: ServerResponse, index: number) => void;

const GOOD = JSON.stringify({ token_type: "Bearer", expires_in: 3600, access_token: "a-token" });

/** Runs a server on a free port until `use` has ended. */
async function withServer(handle: Handle, use: (host: string, count: () => number) => Promise<void>): Promise<void> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    handle(request, response, count++);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => count);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function create(authorityHost: string, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", {
    authorityHost,
    allowInsecureLoopback: true,
    disableInstanceDiscovery: true,
    retryOptions: { retryDelayInMs: 0 },
    env: {},
    ...options,
  });
}

test("a valid response has the token", async () => {
  await withServer((_, response) => response.end(GOOD), async (host) => {
    assert.equal((await create(host).getToken(SCOPE)).token, "a-token");
  });
});

test("a refused connection causes an error with the reason", async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const error = await failureOf(create(`http://127.0.0.1:${port}`).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.equal(error.statusCode, 0);
  assert.match(error.message, /^ClientSecretCredential: Cannot get a token for .*: .*(connect|refused)/i);
  assert.doesNotMatch(error.message, /a-secret/);
});

test("a host that does not exist causes an AuthenticationError", async () => {
  const error = await failureOf(
    create("https://unknown-host.invalid", { retryOptions: { maxRetries: 0 } }).getToken(SCOPE),
  );
  assert.equal(error.name, "AuthenticationError");
  assert.equal(error.statusCode, 0);
});

for (
  const [name, fault] of Object.entries<Handle>({
    "a connection that is reset before the response": (request) => request.socket.destroy(),
    "a connection that is reset in the middle of the body": (request, response) => {
      response.writeHead(200, { "content-length": GOOD.length });
      response.write(GOOD.slice(0, 20), () => request.socket.destroy());
    },
    "truncated JSON, with the content-length of the truncated text": (_, response) => {
      response.writeHead(200, { "content-length": 20 }).end(GOOD.slice(0, 20));
    },
    "an empty body": (_, response) => response.end(),
    "a web page": (_, response) => response.end("<html>Accept the terms</html>"),
    "a response that is not HTTP": (request) => void request.socket.end("220 mail.example ESMTP\r\n\r\n"),
  })
) {
  test(`${name} is retried`, async () => {
    const handle: Handle = (request, response, index) =>
      index === 0 ? fault(request, response, index) : response.end(GOOD);
    await withServer(handle, async (host, count) => {
      assert.equal((await create(host).getToken(SCOPE)).token, "a-token");
      // The `fetch` of some runtimes retries too, so that there may be more requests.
      assert.ok(count() >= 2);
    });
    await withServer(fault, async (host) => {
      const error = await failureOf(create(host).getToken(SCOPE));
      assert.equal(error.name, "AuthenticationError");
      assert.equal(error.statusCode, 0);
    });
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is not followed: the other host receives no request`, async () => {
    await withServer((_, response) => response.end(GOOD), async (otherHost, otherCount) => {
      const handle: Handle = (_, response) => response.writeHead(status, { location: `${otherHost}/token` }).end();
      await withServer(handle, async (host, count) => {
        const error = await failureOf(create(host).getToken(SCOPE));
        assert.equal(error.statusCode, status);
        assert.match(error.message, /The service sent a redirect, which is not followed/);
        assert.equal(count(), 1);
      });
      assert.equal(otherCount(), 0);
    });
  });
}

test("without a complete response, the call ends at the deadline and the connection is closed", async () => {
  for (const bytes of ["", GOOD.slice(0, 20)]) {
    let closed!: () => void;
    const gone = new Promise<void>((resolve) => closed = resolve);
    const handle: Handle = (request, response) => {
      request.socket.on("close", closed);
      if (bytes) response.writeHead(200).write(bytes);
    };
    await withServer(handle, async (host, count) => {
      const error = await failureOf(
        create(host, { timeoutInMs: 200, retryOptions: { maxRetries: 0 } }).getToken(SCOPE),
      );
      assert.match(error.message, /No response within the 200 ms of "timeoutInMs"$/);
      await gone;
      assert.equal(count(), 1);
    });
  }
});

test("the connection is closed when the last caller aborts", async () => {
  let closed!: () => void;
  let onRequest!: () => void;
  const gone = new Promise<void>((resolve) => closed = resolve);
  const requested = new Promise<void>((resolve) => onRequest = resolve);
  const handle: Handle = (request) => {
    request.socket.on("close", closed);
    onRequest();
  };
  await withServer(handle, async (host) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = failureOf(create(host).getToken(SCOPE, { abortSignal: controller.signal }));
    await requested;
    controller.abort(reason);
    assert.equal(await aborted, reason);
    await gone;
  });
});

test("a body of ten megabytes is not read to its end: the connection is closed, or the server waits", async () => {
  const chunk = "a".repeat(64 * 1024);
  let sent = 0;
  const handle: Handle = (_, response) => {
    response.on("error", () => {});
    response.writeHead(200, { "content-type": "application/json" });
    function more(): void {
      while (sent < 100_000_000 && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", more);
      }
    }
    more();
  };
  await withServer(handle, async (host, count) => {
    const error = await failureOf(create(host).getToken(SCOPE));
    assert.match(error.message, /longer than a megabyte$/);
    assert.equal(count(), 1);
    // The buffers on the way are filled, but the rest is not sent.
    assert.ok(sent < 50_000_000, String(sent));
  });
});

test("a transient 503 with Retry-After is retried", async () => {
  const handle: Handle = (_, response, index) =>
    index === 0 ? void response.writeHead(503, { "retry-after": "0" }).end() : void response.end(GOOD);
  await withServer(handle, async (host, count) => {
    assert.equal((await create(host).getToken(SCOPE)).token, "a-token");
    assert.equal(count(), 2);
  });
});
