import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GetTokenOptions, TokenCredential } from "@azweb/identity";
import { type AzureFetchOptions, withAzureAuth } from "@azweb/identity/fetch";

const BLOB = "https://account.blob.core.windows.net/container/blob";
const VAULT = "https://my-vault.vault.azure.net/secrets/one";
const GRAPH = "https://graph.microsoft.com/v1.0/me";
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';
const CAE = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
  `error="insufficient_claims", claims="${btoa(CLAIMS)}"`;

/** A request as the service received it. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | null;
  readonly headers: Headers;
  readonly body: string;
}

/** A call of `getToken`. */
interface Call extends Pick<GetTokenOptions, "claims" | "tenantId" | "enableCae"> {
  readonly scope: string | string[];
}

/**
 * Creates an authenticated `fetch` to a service that returns the responses in order, and then repeats the last one. A
 * token of the credential names the tenant and the claims that it was requested with.
 */
function connect(responses: (Response | ((request: Received) => Response))[], options: AzureFetchOptions = {}) {
  const received: Received[] = [];
  const calls: Call[] = [];
  const credential: TokenCredential = {
    getToken(scope, { abortSignal: _, ...rest } = {}) {
      calls.push({ scope, ...rest });
      const kind = [rest.tenantId, rest.claims && "claims"].filter(Boolean).join("+");
      return Promise.resolve({ token: `token${kind && `-${kind}`}`, expiresOnTimestamp: Infinity });
    },
  };
  const azureFetch = withAzureAuth(credential, {
    fetch: async (input, init) => {
      const request = new Request(input, init);
      assert.equal(init?.redirect, "manual");
      const { method, url, headers } = request;
      received.push({ method, url, headers, authorization: headers.get("authorization"), body: await request.text() });
      const response = responses[Math.min(received.length, responses.length) - 1]!;
      return typeof response === "function" ? response(received.at(-1)!) : response.clone();
    },
    ...options,
  });
  return { azureFetch, received, calls };
}

function unauthorized(challenge: string): Response {
  return new Response("no", { status: 401, headers: { "www-authenticate": challenge } });
}

function redirectTo(location: string, status = 302): Response {
  return new Response(null, { status, headers: { location } });
}

describe("withAzureAuth", () => {
  test("sends a token for the scope of the host, and passes on everything else", async () => {
    const { azureFetch, received, calls } = connect([new Response("content", { status: 201 })]);
    const response = await azureFetch(BLOB, {
      method: "PUT",
      headers: { "x-ms-blob-type": "BlockBlob" },
      body: "hello",
    });
    assert.equal(response.status, 201);
    assert.equal(await response.text(), "content");
    assert.deepEqual(calls, [{ scope: "https://storage.azure.com/.default", enableCae: true }]);
    const [{ method, url, authorization, headers, body }] = received as [Received];
    assert.deepEqual([method, url, authorization, body], ["PUT", BLOB, "Bearer token", "hello"]);
    assert.equal(headers.get("x-ms-blob-type"), "BlockBlob");
    assert.equal(headers.get("x-ms-version"), "2024-11-04");
    assert.equal(headers.get("x-ms-client-request-id"), null);
  });

  test("accepts a URL object and a Request, with its method, headers and body", async () => {
    const { azureFetch, received } = connect([new Response("content")]);
    await azureFetch(new URL(GRAPH));
    await azureFetch(new Request(GRAPH, { method: "POST", headers: { "x-one": "1" }, body: "hello" }));
    assert.deepEqual(received.map(({ method, body }) => [method, body]), [["GET", ""], ["POST", "hello"]]);
    assert.equal(received[1]?.headers.get("x-one"), "1");
    assert.equal(received[1]?.authorization, "Bearer token");
    assert.equal(received[1]?.headers.get("x-ms-version"), null);
  });

  test("accepts a Request as the second argument, with its method, headers and body", async () => {
    const { azureFetch, received } = connect([new Response("content")]);
    const request = new Request("https://app.example/", { method: "PUT", headers: { "x-one": "1" }, body: "hello" });
    await azureFetch(GRAPH, request);
    assert.deepEqual(received.map(({ method, url, body }) => [method, url, body]), [["PUT", GRAPH, "hello"]]);
    assert.equal(received[0]?.headers.get("x-one"), "1");
  });

  test("accepts null as the second argument, as fetch does", async () => {
    const { azureFetch, received } = connect([new Response("content")]);
    await azureFetch(GRAPH, null as never);
    assert.deepEqual(received.map(({ method, url }) => [method, url]), [["GET", GRAPH]]);
  });

  test("rejects null as the first argument as a URL that gets no token", async () => {
    const { azureFetch, calls } = connect([new Response()]);
    await assert.rejects(azureFetch(null as never), {
      name: "TypeError",
      message: /^withAzureAuth: Cannot send a token/,
    });
    assert.deepEqual(calls, []);
  });

  test("keeps the header x-ms-version of the request, and replaces its header Authorization", async () => {
    const { azureFetch, received } = connect([new Response()]);
    await azureFetch(BLOB, { headers: { "x-ms-version": "2021-12-02", authorization: "Bearer unused" } });
    assert.equal(received[0]?.headers.get("x-ms-version"), "2021-12-02");
    assert.equal(received[0]?.authorization, "Bearer token");
  });

  test("sends a token to Azure Cosmos DB in the format of that service", async () => {
    const { azureFetch, received, calls } = connect([new Response()]);
    await azureFetch("https://my-account.documents.azure.com/dbs");
    assert.equal(calls[0]?.scope, "https://my-account.documents.azure.com/.default");
    assert.equal(received[0]?.authorization, "type%3Daad%26ver%3D1.0%26sig%3Dtoken");
    assert.equal(received[0]?.headers.get("x-ms-version"), "2018-12-31");
    assert.match(received[0]?.headers.get("x-ms-date") ?? "", /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/);
  });

  test("adds a client request id with the option clientRequestId, unless the request has one", async () => {
    const { azureFetch, received } = connect([new Response()], { clientRequestId: true });
    await azureFetch(GRAPH);
    await azureFetch(GRAPH, { headers: { "x-ms-client-request-id": "mine" } });
    assert.match(received[0]?.headers.get("x-ms-client-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(received[1]?.headers.get("x-ms-client-request-id"), "mine");
  });

  test("uses the option scope instead of the built-in scope of the host", async () => {
    const { azureFetch, calls } = connect([new Response()], { scope: "https://eventhubs.azure.net/.default" });
    await azureFetch("https://my-namespace.servicebus.windows.net/hub/messages");
    assert.equal(calls[0]?.scope, "https://eventhubs.azure.net/.default");
  });

  test("uses the option scope for the hosts of the option, and the built-in scopes for others", async () => {
    const options = { scope: "api://my-api/.default", hosts: ["API.contoso.com", "localhost:8443"] };
    const { azureFetch, calls } = connect([new Response()], options);
    for (const url of ["https://api.contoso.com/a", "https://localhost:8443/b", GRAPH]) await azureFetch(url);
    assert.deepEqual(calls.map(({ scope }) => scope), [
      "api://my-api/.default",
      "api://my-api/.default",
      "https://graph.microsoft.com/.default",
    ]);
    for (const url of ["https://api.contoso.com:8443/", "http://api.contoso.com/", "https://u:p@api.contoso.com/"]) {
      await assert.rejects(azureFetch(url), TypeError);
    }
  });

  for (const url of ["https://example.com/?sig=secret", "http://account.blob.core.windows.net/", "/relative"]) {
    test(`rejects ${url} before it requests a token`, async () => {
      const { azureFetch, received, calls } = connect([new Response()]);
      await assert.rejects(azureFetch(url), (error: Error) => {
        assert.equal(error.name, "TypeError");
        assert.match(
          error.message,
          /^withAzureAuth: Cannot send a token to (".+"|a relative URL): It must be a host of Azure/,
        );
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      assert.deepEqual([received, calls], [[], []]);
    });
  }

  let reads = 0;
  const changing: Readonly<Record<string, string | URL>> = {
    "a URL object that changes": new URL(VAULT),
    "an object that becomes another string": {
      toString: () => reads++ === 0 ? VAULT : "https://evil.example/",
    } as unknown as string,
  };
  for (const [kind, input] of Object.entries(changing)) {
    test(`sends the token to the URL that it has checked, even for ${kind}`, async () => {
      const { azureFetch, received } = connect([new Response()]);
      const response = azureFetch(input);
      if (input instanceof URL) input.host = "evil.example";
      await response;
      assert.deepEqual(received.map(({ url }) => url), [VAULT]);
    });
  }

  test("sends the options of each call, even if the program reuses one object for them", async () => {
    const { azureFetch, received } = connect([new Response()]);
    const init: RequestInit = { method: "POST" };
    await Promise.all(["one", "two"].map((body) => azureFetch(GRAPH, Object.assign(init, { body }))));
    assert.deepEqual(received.map(({ body }) => body), ["one", "two"]);
  });

  test("sends no token to a host that is added to the array of hosts later", async () => {
    const hosts = ["api.contoso.com"];
    const { azureFetch, calls } = connect([new Response()], { scope: "api://my-api/.default", hosts });
    hosts.push("evil.example");
    await assert.rejects(azureFetch("https://evil.example/"), { name: "TypeError", message: /^withAzureAuth: / });
    assert.deepEqual(calls, []);
  });

  for (const token of ["a-secret\nof two lines", "a-secret\0", "a-secrét", "", undefined, null, 12, ["a-secret"]]) {
    test(`rejects the token ${JSON.stringify(token)} without showing it`, async () => {
      const { azureFetch, received } = connect([new Response()]);
      const credential = { getToken: () => Promise.resolve({ token: token as string, expiresOnTimestamp: Infinity }) };
      await assert.rejects(withAzureAuth(credential, { fetch: azureFetch })(GRAPH), {
        name: "TypeError",
        message: "withAzureAuth: Cannot send the token: It is empty, or has an invalid character",
      });
      assert.deepEqual(received, []);
    });
  }

  const invalid: Readonly<Record<string, [object, RegExp]>> = {
    "hosts without scope": [{ hosts: ["api.contoso.com"] }, /"hosts" requires "scope"/],
    "a URL as host": [{ hosts: ["https://api.contoso.com"], scope: "s" }, /without protocol and path/],
    "a host with a path": [{ hosts: ["api.contoso.com/a"], scope: "s" }, /without protocol and path/],
    "an empty host": [{ hosts: [""], scope: "s" }, /without protocol and path/],
    "a string of hosts": [{ hosts: "api.contoso.com", scope: "s" }, /"hosts" must be an array/],
    "a host that is not set": [{ hosts: [undefined], scope: "s" }, /without protocol and path/],
    "a host that is a symbol": [{ hosts: [Symbol("api.contoso.com")], scope: "s" }, /without protocol and path/],
    "an array as host": [{ hosts: [["api.contoso.com"]], scope: "s" }, /without protocol and path/],
    "a fetch that is no function": [{ fetch: {} }, /^Option "fetch" must be a function$/],
    "an empty scope": [{ scope: "" }, /"scope" must be a non-empty string/],
    "scopes": [{ scopes: "s" }, /^Option "scopes" is unknown: Did you mean "scope"\?$/],
    "a misspelt option": [
      { clientRequestID: true },
      /^Option "clientRequestID" is unknown: Did you mean "clientRequestId"\?$/,
    ],
  };
  for (const [defect, [options, message]] of Object.entries(invalid)) {
    test(`throws for ${defect}`, () => {
      const credential = { getToken: () => Promise.resolve(null) };
      assert.throws(() => withAzureAuth(credential, options), { name: "TypeError", message });
    });
  }

  test("throws if the options are not an object", () => {
    for (const options of [null, "api://my-api/.default"]) {
      assert.throws(() => withAzureAuth({ getToken: () => Promise.resolve(null) }, options as never), {
        name: "TypeError",
        message: 'Argument "options" must be an object with the options by name',
      });
    }
  });

  test("throws if the first argument is not a credential", () => {
    for (const credential of [undefined, null, "a-token", {}, { credential: { getToken() {} } }]) {
      assert.throws(() => withAzureAuth(credential as never), {
        name: "TypeError",
        message: 'Argument "credential" must be a credential, with the method "getToken"',
      });
    }
  });

  test("rejects with the error of the credential, or if the credential returns no token", async () => {
    const error = new Error("no identity");
    await assert.rejects(withAzureAuth({ getToken: () => Promise.reject(error) })(GRAPH), error);
    await assert.rejects(
      withAzureAuth({ getToken: () => Promise.resolve(null) })(GRAPH),
      /The credential returned none/,
    );
  });

  test("passes the signal on to the credential and to fetch", async () => {
    const signals: unknown[] = [];
    const azureFetch = withAzureAuth({
      getToken(_scope, options) {
        signals.push(options?.abortSignal);
        return Promise.resolve({ token: "token", expiresOnTimestamp: Infinity });
      },
    }, {
      fetch: (_input, init) => {
        signals.push(init?.signal);
        return Promise.resolve(new Response());
      },
    });
    const { signal } = new AbortController();
    await azureFetch(GRAPH, { signal });
    assert.deepEqual(signals.map((each) => each === signal), [true, true]);
  });
});

describe("withAzureAuth, after a 401", () => {
  test("repeats the request once with the claims of a claims challenge", async () => {
    const { azureFetch, received, calls } = connect([unauthorized(CAE), new Response("content")]);
    const response = await azureFetch(GRAPH, { method: "POST", body: "hello" });
    assert.equal(await response.text(), "content");
    assert.deepEqual(calls.map(({ claims }) => claims), [undefined, CLAIMS]);
    assert.deepEqual(received.map(({ authorization, body }) => [authorization, body]), [
      ["Bearer token", "hello"],
      ["Bearer token-claims", "hello"],
    ]);
  });

  test("requests a token of the tenant that the challenge names, and keeps the tenant for the host", async () => {
    const challenge = 'Bearer authorization="https://login.windows.net/the-tenant", resource="https://vault.azure.net"';
    const { azureFetch, received, calls } = connect([unauthorized(challenge), new Response()]);
    assert.equal((await azureFetch(VAULT)).status, 200);
    assert.equal((await azureFetch(VAULT)).status, 200);
    await azureFetch(GRAPH);
    assert.deepEqual(calls.map(({ tenantId }) => tenantId), [undefined, "the-tenant", "the-tenant", undefined]);
    assert.deepEqual(received.map(({ authorization }) => authorization), [
      "Bearer token",
      "Bearer token-the-tenant",
      "Bearer token-the-tenant",
      "Bearer token",
    ]);
  });

  test("does not keep the tenant for a host that serves all tenants, because the next request may be for another one", async () => {
    const challenge = 'Bearer authorization_uri="https://login.windows.net/the-tenant"';
    for (const url of [GRAPH, "https://management.azure.com/subscriptions/one"]) {
      const busy = new Response("no", { status: 429, headers: { "retry-after-ms": "1" } });
      const { azureFetch, calls } = connect([unauthorized(challenge), busy, unauthorized(CAE), new Response()]);
      assert.equal((await azureFetch(url)).status, 200);
      assert.equal((await azureFetch(url)).status, 200);
      assert.deepEqual(calls.map(({ tenantId, claims }) => [tenantId, claims]), [
        [undefined, undefined],
        ["the-tenant", undefined],
        ["the-tenant", undefined],
        ["the-tenant", CLAIMS],
        [undefined, undefined],
      ]);
    }
  });

  test("reads the challenge of Azure Storage, whose values have no quotation marks", async () => {
    const challenge =
      "Bearer authorization_uri=https://login.microsoftonline.com/the-tenant/oauth2/authorize resource_id=https://storage.azure.com";
    const { azureFetch, calls } = connect([unauthorized(challenge), new Response()]);
    assert.equal((await azureFetch(BLOB)).status, 200);
    assert.equal(calls[1]?.tenantId, "the-tenant");
  });

  test("reacts to a challenge for a tenant and then to one for claims", async () => {
    const tenant = 'Bearer authorization="https://login.windows.net/the-tenant", resource="https://vault.azure.net"';
    const { azureFetch, calls } = connect([unauthorized(tenant), unauthorized(CAE), new Response()]);
    assert.equal((await azureFetch(VAULT)).status, 200);
    assert.deepEqual(calls.map(({ tenantId, claims }) => [tenantId, claims]), [
      [undefined, undefined],
      ["the-tenant", undefined],
      ["the-tenant", CLAIMS],
    ]);
  });

  test("returns the last response if a service always responds with 401", async () => {
    const { azureFetch, received, calls } = connect([unauthorized(CAE)]);
    const response = await azureFetch(GRAPH);
    assert.deepEqual([response.status, await response.text()], [401, "no"]);
    assert.ok(received.length <= 3, `${received.length} requests`);
    assert.ok(calls.length <= 3, `${calls.length} calls`);
  });

  const ignored: Readonly<Record<string, string>> = {
    "no challenge": "",
    "another scheme": `PoP claims="${btoa(CLAIMS)}"`,
    "a scheme after Bearer": `Bearer realm="", Negotiate claims="${btoa(CLAIMS)}"`,
    "claims that are not base64": 'Bearer error="insufficient_claims", claims="{}"',
    "claims that are not JSON": `Bearer error="insufficient_claims", claims="${btoa("nonsense")}"`,
    "another resource": 'Bearer authorization="https://login.windows.net/t", resource="https://management.azure.com"',
    "claims for another resource": `Bearer resource="https://vault.azure.net", claims="${btoa(CLAIMS)}"`,
    "a tenant with an encoded path": 'Bearer authorization="https://login.windows.net/%2e%2e%2fevil"',
    'the tenant "common"': 'Bearer authorization="https://login.windows.net/common"',
    'the tenant "Organizations"': 'Bearer authorization="https://login.windows.net/Organizations"',
    "a tenant that no credential accepts": 'Bearer authorization="https://login.windows.net/my_tenant"',
    "a tenant of dots": 'Bearer authorization="https://login.windows.net/..."',
    "a length of a megabyte": `Bearer ${"a=b, ".repeat(200_000)}claims="${btoa(CLAIMS)}"`,
    "unclosed quotation marks": `Bearer claims="${btoa(CLAIMS)}`,
  };
  for (const [defect, challenge] of Object.entries(ignored)) {
    test(`returns the response if its challenge cannot be used: ${defect}`, async () => {
      const { azureFetch, received, calls } = connect([() => unauthorized(challenge)]);
      assert.equal((await azureFetch(GRAPH)).status, 401);
      assert.deepEqual([received.length, calls.length], [1, 1]);
    });
  }

  test("does not repeat the request with the same token", async () => {
    const challenge = 'Bearer authorization_uri="https://login.windows.net/own-tenant"';
    let requests = 0;
    const azureFetch = withAzureAuth(
      { getToken: () => Promise.resolve({ token: "the-only-one", expiresOnTimestamp: Infinity }) },
      { fetch: () => Promise.resolve(unauthorized(`${++requests && challenge}`)) },
    );
    assert.equal((await azureFetch(GRAPH)).status, 401);
    assert.equal(requests, 1);
  });

  test("rejects with the error of a credential that does not allow the tenant", async () => {
    const challenge = 'Bearer authorization_uri="https://login.windows.net/other"';
    const azureFetch = withAzureAuth({
      getToken(_scope, options) {
        if (options?.tenantId) return Promise.reject(new Error(`not allowed: ${options.tenantId}`));
        return Promise.resolve({ token: "token", expiresOnTimestamp: Infinity });
      },
    }, { fetch: () => Promise.resolve(unauthorized(challenge)) });
    await assert.rejects(azureFetch(GRAPH), /not allowed: other/);
    await assert.rejects(azureFetch(GRAPH), /not allowed: other/);
  });

  test("returns the response if the body is a stream, which can be sent once", async () => {
    for (const challenge of [CAE, 'Bearer authorization_uri="https://login.windows.net/other"']) {
      const { azureFetch, received } = connect([unauthorized(challenge)]);
      const body = new Blob(["hello"]).stream();
      const response = await azureFetch(GRAPH, { method: "POST", body, duplex: "half" } as RequestInit);
      assert.equal(response.status, 401);
      assert.deepEqual(received.map(({ body }) => body), ["hello"]);
    }
    const { azureFetch, received } = connect([unauthorized(CAE)]);
    assert.equal((await azureFetch(new Request(GRAPH, { method: "POST", body: "hello" }))).status, 401);
    assert.equal(received.length, 1);
  });

  const bodies: Readonly<Record<string, () => BodyInit>> = {
    "a string": () => "hello",
    "bytes": () => new TextEncoder().encode("hello"),
    "an ArrayBuffer": () => new TextEncoder().encode("hello").buffer,
    "a Blob": () => new Blob(["hello"]),
    "a URLSearchParams": () => new URLSearchParams({ hello: "" }),
  };
  for (const [type, body] of Object.entries(bodies)) {
    test(`repeats the request with ${type} as body`, async () => {
      const { azureFetch, received } = connect([unauthorized(CAE), new Response()]);
      assert.equal((await azureFetch(GRAPH, { method: "POST", body: body() })).status, 200);
      assert.deepEqual(received.map(({ body }) => body.replace("=", "")), ["hello", "hello"]);
    });
  }
});

describe("withAzureAuth, after a 429 or 503", () => {
  const busy = (status: number, value: string, name = "retry-after") =>
    new Response("busy", { status, headers: { [name]: value } });

  for (const status of [429, 503]) {
    test(`repeats the request after the delay of a ${status}`, async () => {
      const { azureFetch, received } = connect([
        busy(status, "0"),
        busy(status, "1", "x-ms-retry-after-ms"),
        new Response("ok"),
      ]);
      assert.equal(await (await azureFetch(BLOB, { method: "PUT", body: "hello" })).text(), "ok");
      assert.deepEqual(received.map(({ body }) => body), ["hello", "hello", "hello"]);
    });
  }

  test("returns the response after three retries", async () => {
    const { azureFetch, received } = connect([busy(503, "0")]);
    assert.equal((await azureFetch(GRAPH)).status, 503);
    assert.equal(received.length, 4);
  });

  const returned: Readonly<Record<string, Response>> = {
    "a delay of a day": busy(503, "86400"),
    "a delay until the year 2100": busy(429, "Fri, 01 Jan 2100 00:00:00 GMT"),
    "no delay": new Response("busy", { status: 503 }),
    "a malformed delay": busy(503, "soon"),
    "another status": busy(500, "0"),
  };
  for (const [reason, response] of Object.entries(returned)) {
    test(`returns a response with ${reason}`, async () => {
      const { azureFetch, received } = connect([response]);
      assert.equal(await (await azureFetch(GRAPH)).text(), "busy");
      assert.equal(received.length, 1);
    });
  }

  test("retries three times in total, including retries of redirected requests", async () => {
    const retry = () => new Response("no", { status: 429, headers: { "retry-after-ms": "1" } });
    const redirect = () => redirectTo("/next");
    const { azureFetch, received } = connect([retry, redirect, retry, retry, redirect, retry, redirect]);
    assert.equal((await azureFetch(GRAPH)).status, 429);
    assert.equal(received.length, 6);
  });

  test("stops waiting when the signal fires", async () => {
    const controller = new AbortController();
    const { azureFetch, received } = connect([() => {
      queueMicrotask(() => setTimeout(() => controller.abort(new Error("enough")), 1));
      return busy(503, "50");
    }]);
    await assert.rejects(azureFetch(GRAPH, { signal: controller.signal }), /enough/);
    assert.equal(received.length, 1);
  });

  test("returns the response if the body is a stream", async () => {
    const { azureFetch, received } = connect([busy(503, "0")]);
    const body = new Blob(["hello"]).stream();
    const response = await azureFetch(GRAPH, { method: "POST", body, duplex: "half" } as RequestInit);
    assert.deepEqual([response.status, received.length], [503, 1]);
  });
});

describe("withAzureAuth, after a redirect", () => {
  test("sends the token again to the same origin", async () => {
    const { azureFetch, received } = connect([redirectTo("/v1.0/users/1"), new Response("content")]);
    assert.equal(await (await azureFetch(GRAPH)).text(), "content");
    assert.deepEqual(received.map(({ url, authorization }) => [url, authorization]), [
      [GRAPH, "Bearer token"],
      ["https://graph.microsoft.com/v1.0/users/1", "Bearer token"],
    ]);
  });

  for (
    const target of [
      "https://evil.example/",
      "https://other.blob.core.windows.net/",
      "https://graph.microsoft.com:8443/",
    ]
  ) {
    test(`sends no token to ${target}, nor to a later target`, async () => {
      const { azureFetch, received, calls } = connect([redirectTo(target), redirectTo(GRAPH), new Response("content")]);
      assert.equal(await (await azureFetch(GRAPH, { headers: { "x-one": "1" } })).text(), "content");
      assert.deepEqual(received.map(({ authorization }) => authorization), ["Bearer token", null, null]);
      assert.deepEqual(received.map(({ headers }) => headers.get("x-one")), ["1", "1", "1"]);
      assert.equal(calls.length, 1);
    });
  }

  test("sends headers such as Cookie to their origin only, as fetch does", async () => {
    const headers = { cookie: "a=b", "proxy-authorization": "Basic YTpi", host: "graph.microsoft.com" };
    const { azureFetch, received } = connect([
      redirectTo("/next"),
      redirectTo("https://evil.example/"),
      new Response(),
    ]);
    await azureFetch(GRAPH, { headers });
    const [, same, other] = received.map(({ headers: sent }) => Object.keys(headers).map((name) => sent.get(name)));
    // In a page, a program cannot set these headers.
    assert.deepEqual(same, "document" in globalThis ? [null, null, null] : Object.values(headers));
    assert.deepEqual(other, [null, null, null]);
  });

  const methods: readonly [number, string, string, string][] = [
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [301, "PUT", "PUT", "hello"],
    [307, "POST", "POST", "hello"],
    [308, "PATCH", "PATCH", "hello"],
  ];
  for (const [status, method, next, body] of methods) {
    test(`follows ${status} of ${method} with ${next}, as fetch does`, async () => {
      const { azureFetch, received } = connect([redirectTo("/next", status), new Response()]);
      await azureFetch(GRAPH, { method, body: "hello", headers: { "content-type": "text/x" } });
      assert.deepEqual([received[1]?.method, received[1]?.body], [next, body]);
      assert.equal(received[1]?.headers.get("content-type"), body ? "text/x" : null);
    });
  }

  const refused: Readonly<Record<string, [Response, RequestInit?]>> = {
    "to http:": [redirectTo("http://graph.microsoft.com/v1.0/me")],
    "to a URL with a user name": [redirectTo("https://user@graph.microsoft.com/")],
    "to a malformed URL": [redirectTo("https://[")],
    "of a request whose body is a stream": [
      redirectTo("/next", 307),
      { method: "POST", body: new Blob(["hello"]).stream(), duplex: "half" } as RequestInit,
    ],
    'with the mode "error"': [redirectTo("/next"), { redirect: "error" }],
    "without end": [redirectTo("/next")],
  };
  for (const [kind, [response, init]] of Object.entries(refused)) {
    test(`rejects a redirect ${kind}`, async () => {
      const { azureFetch, received } = connect([response]);
      await assert.rejects(azureFetch(GRAPH, init), { name: "TypeError", message: /^withAzureAuth: Cannot follow / });
      assert.ok(received.every(({ url }) => url.startsWith("https://graph.microsoft.com/")));
      assert.equal(received.length, kind === "without end" ? 21 : 1);
    });
  }

  test('returns a redirect in the mode "manual", and a status 3xx without a location', async () => {
    const { azureFetch } = connect([redirectTo("https://evil.example/")]);
    assert.equal((await azureFetch(GRAPH, { redirect: "manual" })).headers.get("location"), "https://evil.example/");
    assert.equal((await connect([new Response(null, { status: 304 })]).azureFetch(GRAPH)).status, 304);
    assert.equal((await connect([new Response(null, { status: 302 })]).azureFetch(GRAPH)).status, 302);
  });
});

describe("withAzureAuth releases the connection of", () => {
  const allowsNoTenant: TokenCredential = {
    getToken(_scope, options) {
      if (options?.tenantId) return Promise.reject(new Error("not allowed"));
      return Promise.resolve({ token: "token", expiresOnTimestamp: Infinity });
    },
  };
  const unused: Readonly<Record<string, [status: number, headers: Record<string, string>, error: RegExp]>> = {
    "a response that asks for a delay, before the delay": [503, { "retry-after": "50" }, /enough/],
    "a challenge for a tenant that the credential does not allow": [401, {
      "www-authenticate": 'Bearer authorization_uri="https://login.windows.net/other"',
    }, /not allowed/],
    "a redirect that cannot be followed": [302, { location: "http://graph.microsoft.com/" }, /Cannot follow/],
  };
  for (const [response, [status, headers, error]] of Object.entries(unused)) {
    test(response, async () => {
      const controller = new AbortController();
      let cancelled = 0;
      const body = () =>
        new ReadableStream({
          cancel() {
            cancelled++;
            // Ends the delay, if there is one.
            controller.abort(new Error("enough"));
          },
        });
      const azureFetch = withAzureAuth(allowsNoTenant, {
        fetch: () => Promise.resolve(new Response(body(), { status, headers })),
      });
      await assert.rejects(azureFetch(GRAPH, { signal: controller.signal }), error);
      assert.equal(cancelled, 1);
    });
  }
});
