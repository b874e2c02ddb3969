// Runs on: deno, node, bun
import { createRuntime, type TlsTrust } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { createServer } from "node:net";
import process from "node:process";
import type { TLSSocket } from "node:tls";
import { after, describe, test } from "node:test";
import { createCertificateAuthority, type Leaf } from "../support/certificates/certificate_authority.ts";
import { serveTls, type TlsServer } from "../support/tls_server.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: 1\r\nx-a: 2\r\n\r\nok";

const authority = await createCertificateAuthority();
const otherAuthority = await createCertificateAuthority();
const leaf = await authority.issue(["proxy.example", "127.0.0.1"]);
const thumbprint = await sha1(leaf);
const servers: TlsServer[] = [];
after(() => Promise.all(servers.map((server) => server.close())));

async function serve(respond: (socket: TLSSocket, text: string) => void = respondWith(OK)): Promise<TlsServer> {
  const server = await serveTls(leaf, respond);
  servers.push(server);
  return server;
}

function respondWith(text: string): (socket: TLSSocket, text: string) => void {
  return (socket, received) => void (received.includes("\r\n\r\n") && socket.write(text));
}

function tlsFetch(trust: TlsTrust): typeof fetch {
  return createRuntime().tlsFetch!(trust);
}

async function sha1({ certificate }: Leaf): Promise<string> {
  const der = Uint8Array.from(atob(certificate.replace(/-----.*?-----|\s/g, "")), (c) => c.charCodeAt(0));
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-1", der)), (b) => b.toString(16).padStart(2, "0"))
    .join("");
}

const pairs = thumbprint.match(/../g)!;

const TRUSTED: Record<string, { host: string; trust: TlsTrust; sni?: string }> = {
  "by its CA, at an IP address": { host: "127.0.0.1", trust: { ca: authority.certificate } },
  "by its CA, under a different server name": {
    host: "127.0.0.1",
    trust: { ca: authority.certificate, serverName: "proxy.example" },
    sni: "proxy.example",
  },
  "by one of two CAs": {
    host: "127.0.0.1",
    trust: { ca: `${otherAuthority.certificate}\n${authority.certificate}` },
  },
  "by its thumbprint, under any name": { host: "localhost", trust: { thumbprint }, sni: "localhost" },
  "by its thumbprint with colons": { host: "127.0.0.1", trust: { thumbprint: pairs.join(":").toUpperCase() } },
  "by its thumbprint with spaces": { host: "127.0.0.1", trust: { thumbprint: ` ${pairs.join(" ")}\n` } },
};

const REJECTED: Record<string, { host?: string; trust: TlsTrust; code?: string; message?: RegExp }> = {
  "a CA that the system does not trust": { trust: {} },
  "another CA": { trust: { ca: otherAuthority.certificate } },
  "another CA, under the right name": { trust: { ca: otherAuthority.certificate, serverName: "proxy.example" } },
  "another name": {
    trust: { ca: authority.certificate, serverName: "other.example" },
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  },
  "another name in the URL": {
    host: "localhost",
    trust: { ca: authority.certificate },
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  },
  "another thumbprint": {
    trust: { thumbprint: `00${thumbprint.slice(2)}` },
    message: new RegExp(`is "${thumbprint}", not "00`),
  },
  "another thumbprint, but the right CA": {
    trust: { ca: authority.certificate, serverName: "proxy.example", thumbprint: "0".repeat(40) },
    message: /not "0{40}"/,
  },
};

describe("a server is trusted", () => {
  for (const [name, { host, trust, sni }] of Object.entries(TRUSTED)) {
    test(name, async () => {
      const server = await serve();
      const response = await tlsFetch(trust)(`https://${host}:${server.port}/a?b=1`, {
        method: "POST",
        headers: { secret: "hush" },
        body: new URLSearchParams({ c: "ü" }),
      });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-a"), "1, 2");
      assert.equal(await response.text(), "ok");
      const [head, body] = server.received.split("\r\n\r\n");
      assert.match(head!, /^POST \/a\?b=1 HTTP\/1\.1\r\n/);
      assert.match(head!, new RegExp(`\r\nhost: ${host}:${server.port}(\r\n|$)`, "i"));
      assert.match(head!, /\r\ncontent-type: application\/x-www-form-urlencoded;charset=UTF-8/i);
      assert.match(head!, /\r\ncontent-length: 8/i);
      assert.match(head!, /\r\nsecret: hush/i);
      assert.equal(body, "c=%C3%BC");
      assert.deepEqual(server.names.map((name) => name || undefined), [sni]);
      await server.untilLeft();
    });
  }
});

describe("an untrusted server receives nothing of the request", () => {
  for (const [name, { host = "127.0.0.1", trust, code, message = /./ }] of Object.entries(REJECTED)) {
    test(name, async () => {
      const server = await serve();
      const url = `https://${host}:${server.port}/`;
      await assert.rejects(
        tlsFetch(trust)(url, { method: "POST", headers: { secret: "hush" }, body: "hush" }),
        (error: TypeError & { cause: Error & { code: string } }) => {
          assert.equal(error.name, trust.thumbprint ? "UntrustedServer" : "TypeError");
          assert.equal(error.message, `Cannot reach "${host}:${server.port}"`);
          assert.match(error.cause.message, message);
          if (code) assert.equal(error.cause.code, code);
          return true;
        },
      );
      await server.untilLeft();
      assert.equal(server.received, "");
    });
  }

  test("another CA, even with NODE_TLS_REJECT_UNAUTHORIZED=0", async () => {
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      const server = await serve();
      const pending = tlsFetch({ ca: otherAuthority.certificate })(`https://127.0.0.1:${server.port}/`, {
        headers: { secret: "hush" },
      });
      await assert.rejects(pending, { name: "TypeError", message: `Cannot reach "127.0.0.1:${server.port}"` });
      await server.untilLeft();
      assert.equal(server.received, "");
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });

  test("without TLS", async () => {
    let received = "";
    const server = createServer((socket) => socket.on("data", (data) => received += data).on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await assert.rejects(tlsFetch({ thumbprint })(`http://127.0.0.1:${port}/`, { headers: { secret: "hush" } }), {
      name: "TypeError",
      message: `Cannot reach "127.0.0.1:${port}" securely: The URL must have "https:"`,
    });
    assert.equal(received, "");
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("rejects an invalid trust", () => {
  const MALFORMED: Record<string, TlsTrust> = {
    "an empty CA, instead of which Node would trust those of the system": { ca: "" },
    "a malformed CA": { ca: "garbage" },
    "an empty thumbprint": { thumbprint: "" },
    "a SHA-256 digest": { thumbprint: "0".repeat(64) },
    "a thumbprint that is not hexadecimal": { thumbprint: "g".repeat(40) },
  };
  for (const [name, trust] of Object.entries(MALFORMED)) {
    test(name, () => {
      assert.throws(() => tlsFetch(trust), TypeError);
    });
  }
});

describe("responses", () => {
  const trust = { thumbprint };

  async function request(respond: (socket: TLSSocket, text: string) => void, init?: RequestInit): Promise<Response> {
    const { port } = await serve(respond);
    return await tlsFetch(trust)(`https://127.0.0.1:${port}/`, init);
  }

  test("a redirect is not followed", async () => {
    const other = await serve();
    const response = await request(
      respondWith(`HTTP/1.1 307 Away\r\nlocation: https://127.0.0.1:${other.port}/\r\ncontent-length: 0\r\n\r\n`),
      { headers: { secret: "hush" } },
    );
    assert.equal(response.status, 307);
    assert.equal(other.received, "");
  });

  const WHOLE: Record<string, [text: string, body: string]> = {
    "in chunks": ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"],
    "in chunks with extensions and trailers": [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nab\r\nA ;c\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
      "ab0123456789",
    ],
    "with a Content-Length": ["HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok and more", "ok"],
    "without a Content-Length": ["HTTP/1.0 200 OK\r\n\r\nall of it", "all of it"],
    "after interim responses": [
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
      "x",
    ],
    "with bare line feeds": ["HTTP/1.1 200 OK\ncontent-length:1 \n\nx", "x"],
  };
  for (const [name, [text, body]] of Object.entries(WHOLE)) {
    test(`a response ${name} is read to its end, regardless of how the bytes are split`, async () => {
      for (const divide of [(text: string) => [text], (text: string) => [...text]]) {
        const server = await serve((socket) => {
          for (const part of divide(text)) socket.write(part);
          if (name === "without a Content-Length") socket.end();
        });
        const response = await tlsFetch(trust)(`https://127.0.0.1:${server.port}/`);
        assert.equal(response.status, 200);
        assert.equal(await response.text(), body);
        await server.untilLeft();
      }
    });
  }

  test("a response without a body", async () => {
    const response = await request(respondWith("HTTP/1.1 204 Nothing\r\n\r\n"));
    assert.equal(response.status, 204);
    assert.equal(response.body, null);
  });

  test("a response to HEAD, with the Content-Length of a body that is not sent", async () => {
    const response = await request(respondWith("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), { method: "HEAD" });
    assert.equal(response.headers.get("content-length"), "5");
    assert.equal(response.body, null);
  });

  test("header bytes outside of ASCII are read and sent as Latin-1", async () => {
    const server = await serve((socket) =>
      void socket.write(
        Uint8Array.from("HTTP/1.1 200 \xfc\r\nx: \xfc\r\ncontent-length: 0\r\n\r\n", (c) => c.charCodeAt(0)),
      )
    );
    const response = await tlsFetch(trust)(`https://127.0.0.1:${server.port}/`, { headers: { y: "\xfc" } });
    assert.equal(response.headers.get("x"), "\xfc");
    assert.match(server.received, /\r\ny: \ufffd\r\n/);
  });

  const BROKEN: Record<string, string[]> = {
    "data that is not HTTP": ["220 mail.example ESMTP\r\n\r\n"],
    "an invalid status": ["HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"],
    "an empty response": [],
    "half of a header": ["HTTP/1.1 200 OK\r\ncontent-le"],
    "a header without a colon": ["HTTP/1.1 200 OK\r\ncontent-length 2\r\n\r\nok"],
    "a header that is continued on the next line": ["HTTP/1.1 200 OK\r\nx: y\r\n z\r\ncontent-length: 2\r\n\r\nok"],
    "a line of 16 kB": [`HTTP/1.1 200 OK\r\nx: ${"y".repeat(16_384)}\r\ncontent-length: 2\r\n\r\nok`],
    "headers of 20 kB": [`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(5000)}content-length: 2\r\n\r\nok`],
  };
  for (const [name, text] of Object.entries(BROKEN)) {
    test(`the request fails for ${name}`, async () => {
      await assert.rejects(request((socket) => text[0] ? socket.end(text[0]) : socket.end()), {
        name: "TypeError",
        message: /^Cannot reach "127/,
      });
    });
  }

  test("the request fails before the end of a line that is too long", async () => {
    const pending = request((socket) => void socket.write("HTTP/1.1 200 ".padEnd(100_000, "x")));
    await assert.rejects(pending, { name: "TypeError", message: /^Cannot reach "127/ });
  });

  const BROKEN_BODIES: Record<string, [text: string, message: RegExp]> = {
    "ends early": ["content-length: 100\r\n\r\nab", /ended/],
    "ends within a chunk": ["transfer-encoding: chunked\r\n\r\n5\r\nab", /ended/],
    "ends between two chunks": ["transfer-encoding: chunked\r\n\r\n2\r\nab\r\n", /ended/],
    "has a negative length": ["content-length: -1\r\n\r\nab", /length .* malformed/],
    "has two lengths": ["content-length: 2\r\ncontent-length: 3\r\n\r\nab", /length .* malformed/],
    "has a length that is not a number": ["content-length: 0x2\r\n\r\nab", /length .* malformed/],
    "has a chunk whose size is not a number": [
      "transfer-encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
      /length .* malformed/,
    ],
    "has a chunk of a huge size": ["transfer-encoding: chunked\r\n\r\nfffffffffffff\r\nab", /length .* malformed/],
    "has a chunk that is longer than its size": [
      "transfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
      /longer than its size/,
    ],
    "has a compressing transfer coding": ["transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", /transfer coding/],
  };
  for (const [name, [text, message]] of Object.entries(BROKEN_BODIES)) {
    test(`the text of a body that ${name} cannot be read`, async () => {
      const response = await request((socket) => socket.end(`HTTP/1.1 200 OK\r\n${text}`));
      await assert.rejects(response.text(), message);
    });
  }

  test("a refused connection rejects with the system's error code", async () => {
    const server = await serve();
    await server.close();
    await assert.rejects(tlsFetch(trust)(`https://127.0.0.1:${server.port}/`), (error: Error) => {
      assert.equal((error.cause as { code: string }).code, "ECONNREFUSED");
      return true;
    });
  });

  test("an endless body can be cancelled", async () => {
    const server = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const more = () => {
        while (!socket.destroyed && socket.write(`10000\r\n${"a".repeat(65536)}\r\n`));
      };
      socket.on("drain", more);
      more();
    });
    const response = await tlsFetch(trust)(`https://127.0.0.1:${server.port}/`);
    const reader = response.body!.getReader();
    assert.ok((await reader.read()).value!.byteLength > 0);
    await reader.cancel();
    await server.untilLeft();
  });

  test("concurrent requests get their own responses", async () => {
    const server = await serve((socket, text) => {
      const path = text.split(" ")[1]!;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`);
    });
    const fetch = tlsFetch(trust);
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const texts = await Promise.all(
      paths.map(async (path) => await (await fetch(`https://127.0.0.1:${server.port}${path}`)).text()),
    );
    assert.deepEqual(texts, paths);
    await server.untilLeft();
  });
});

describe("an aborted signal ends", () => {
  const reason = new Error("Enough");

  test("a request before it is sent", async () => {
    const server = await serve();
    const url = `https://127.0.0.1:${server.port}/`;
    await assert.rejects(tlsFetch({ thumbprint })(url, { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(server.received, "");
  });

  test("the handshake", async () => {
    let opened!: () => void;
    const open = new Promise<void>((resolve) => opened = resolve);
    const closed = new Promise<void>((resolve) => {
      const silent = createServer((socket) => {
        opened();
        socket.resume().on("error", () => {}).on("close", () => silent.close(() => resolve()));
      });
      silent.listen(0, "127.0.0.1", async () => {
        const { port } = silent.address() as { port: number };
        const controller = new AbortController();
        const pending = tlsFetch({ thumbprint })(`https://127.0.0.1:${port}/`, { signal: controller.signal });
        await open;
        controller.abort(reason);
        await assert.rejects(pending, reason);
      });
    });
    await closed;
  });

  test("the wait for a response", async () => {
    const controller = new AbortController();
    const server = await serve(() => controller.abort(reason));
    const url = `https://127.0.0.1:${server.port}/`;
    await assert.rejects(tlsFetch({ thumbprint })(url, { signal: controller.signal }), reason);
    await server.untilLeft();
  });

  test("reading the body", async () => {
    const controller = new AbortController();
    const server = await serve(respondWith("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nab"));
    const url = `https://127.0.0.1:${server.port}/`;
    const response = await tlsFetch({ thumbprint })(url, { signal: controller.signal });
    const reading = response.text();
    controller.abort(reason);
    await assert.rejects(reading, /aborted|Enough/);
    await server.untilLeft();
  });
});
