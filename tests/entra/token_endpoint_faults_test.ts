import type { ErrorResponse, LogEvent } from "@azweb/identity";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTION, create, failWith } from "../support/core/failing.ts";
import {
  CLIENT,
  createService,
  failureOf,
  jsonAnswer,
  SCOPE,
  silence,
  TENANT,
  TOKEN_ENDPOINT,
  tokenAnswer,
} from "../support/service.ts";

// No complete response: retried, because the failure may be transient

const PAGE = "<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>";
const NO_JSON = "not the JSON of a token service";
const CHECK_NETWORK = 'Check the network, and that "fetch" uses the proxy, if there is one';
const CHECK_HOST = "Check the host and the port, also those in HTTPS_PROXY, and that no firewall blocks them";
const CHECK_PORTAL = "Sign in to the network if it has a sign-in page, and check the proxy if there is one";

const UNREACHABLE: Readonly<Record<string, [fault: () => unknown, message: string, nextStep?: string]>> = {
  "a refused connection, with Deno's message": [
    () =>
      Promise.reject(new TypeError("error sending request for url (https://…): tcp connect error: Connection refused")),
    "error sending request for url (https://…): tcp connect error: Connection refused",
    CHECK_HOST,
  ],
  "a refused connection, with Node's message": [
    () => Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:9") })),
    "fetch failed: connect ECONNREFUSED 127.0.0.1:9",
    CHECK_HOST,
  ],
  "a connection that each address refuses, with Node's message": [
    () => {
      const cause = Object.assign(new AggregateError([new Error("connect ECONNREFUSED ::1:9")]), {
        code: "ECONNREFUSED",
      });
      return Promise.reject(new TypeError("fetch failed", { cause }));
    },
    "fetch failed: (ECONNREFUSED)",
    CHECK_HOST,
  ],
  "an issuer that is not among the authorities, with Node's message": [
    () => Promise.reject(withCode("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate")),
    "fetch failed: unable to get local issuer certificate (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)",
    "If a proxy inspects TLS, trust the certification authority of your company: by NODE_EXTRA_CA_CERTS=<PEM file> or " +
    "--use-system-ca on Node and Bun, by DENO_CERT=<PEM file> or DENO_TLS_CA_STORE=system on Deno",
  ],
  "a DNS server that does not respond, with Node's message": [
    () => Promise.reject(withCode("EAI_AGAIN", "getaddrinfo EAI_AGAIN login.example")),
    "fetch failed: getaddrinfo EAI_AGAIN login.example",
    "Check the name of the host and the DNS settings; if there is a proxy, set HTTPS_PROXY",
  ],
  "a web page": [
    () => new Response(PAGE, { headers: { "content-type": "text/html" } }),
    "HTTP 200: The response is a web page: is a proxy in between?",
    CHECK_PORTAL,
  ],
  "an empty body": [() => new Response(""), "HTTP 200: The response is empty"],
  "truncated JSON": [
    () => new Response('{"token_type":"Bearer","expires_in":3600,"access_token":"half of a'),
    "HTTP 200: The response ends early",
  ],
  "the JSON null": [() => jsonAnswer(null), `HTTP 200: The response is ${NO_JSON}`],
  "an array": [() => jsonAnswer([{ access_token: "a-token" }]), `HTTP 200: The response is ${NO_JSON}`],
  "a string": [() => jsonAnswer("a-token"), `HTTP 200: The response is ${NO_JSON}`],
  "bytes that are not text": [
    () => new Response(new Uint8Array([0xff, 0xfe, 0x00, 0x80])),
    `HTTP 200: The response is ${NO_JSON}`,
  ],
  "a connection that is reset in the middle of the body": [
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('{"access_token":"half of a')),
          pull: (controller) =>
            controller.error(new TypeError("terminated", { cause: new Error("other side closed") })),
        }, { highWaterMark: 0 }),
      ),
    "terminated: other side closed",
  ],
  "a fetch that throws": [
    () => {
      throw new Error("No network today");
    },
    "No network today",
  ],
  "a fetch that rejects with undefined": [() => Promise.reject(), "The request failed"],
  "a fetch that rejects with null": [() => Promise.reject(null), "The request failed"],
  "a fetch that rejects with a string": [() => Promise.reject("no network"), "The request failed"],
  "a fetch that rejects with an empty error": [() => Promise.reject(new Error()), "The request failed"],
  // The error is not an instance of this realm's `Error`, as in the sandbox of Jest.
  "a fetch whose error is of another realm": [
    () => Promise.reject({ message: "fetch failed", cause: { message: "connect ECONNREFUSED", code: "ECONNREFUSED" } }),
    "fetch failed: connect ECONNREFUSED",
    "Check the host and the port, also those in HTTPS_PROXY, and that no firewall blocks them",
  ],
  "a fetch whose error is empty and its own cause": [() => {
    const error = new Error();
    error.cause = error;
    return Promise.reject(error);
  }, "The request failed"],
  "a fetch whose error is its own cause": [() => {
    const error = new Error("round");
    error.cause = error;
    return Promise.reject(error);
  }, "round"],
};

/** Returns an error of Node's `fetch`. */
function withCode(code: string, message: string): Error {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(message), { code }) });
}

for (const [name, [fault, message, nextStep = CHECK_NETWORK]] of Object.entries(UNREACHABLE)) {
  test(`${name}: three retries, then an error with the reason and the next step`, async () => {
    const { error, message: actual, asked } = await failWith(fault);
    assert.equal(actual, `${message}. ${nextStep}`);
    assert.doesNotMatch(JSON.stringify(error), /half of a"|hotel|a-token/);
    assert.equal(asked, 4);
    assert.equal(error.statusCode, 0);
    assert.equal("errorResponse" in error, false);
    assert.equal("cause" in error, false);
  });
}

for (
  const [name, result] of Object.entries({
    undefined: undefined,
    null: null,
    "a number": 7,
    "an object": {},
    "a string": "x",
  })
) {
  test(`a fetch that resolves with ${name} instead of a Response is treated as a network failure`, async () => {
    assert.equal((await failWith(() => result)).asked, 4);
  });
}

test("an error response with status 200 is reported with its error codes", async () => {
  const { error, message } = await failWith(() =>
    jsonAnswer({ error: "invalid_grant", error_description: "AADSTS50126: Wrong", error_codes: [50126] })
  );
  assert.deepEqual((error.errorResponse as ErrorResponse).errorCodes, [50126]);
  assert.match(message, /invalid_grant \(HTTP 200, AADSTS50126\)/);
});

test("a body that was already read is treated as a network failure", async () => {
  const { asked } = await failWith(async () => {
    const response = tokenAnswer();
    await response.text();
    return response;
  });
  assert.equal(asked, 4);
});

test("a short outage causes retries, and no error", async () => {
  for (const fault of Object.values(UNREACHABLE).map(([fault]) => fault)) {
    const events: LogEvent[] = [];
    const service = createService((_, index) => index < 3 ? fault() : tokenAnswer());
    assert.equal((await create(service, { log: (event) => events.push(event) }).getToken(SCOPE)).token, "a-token");
    assert.deepEqual(events.map(({ event }) => event), [...Array(3).fill("request-retried"), "token-acquired"]);
  }
});

test("maxRetries limits the number of retries", async () => {
  for (const maxRetries of [0, 1, 5]) {
    assert.equal(
      (await failWith(() => Promise.reject(), { retryOptions: { maxRetries, retryDelayInMs: 0 } })).asked,
      maxRetries + 1,
    );
  }
});

// No response

for (
  const [name, respond] of Object.entries({
    "respects its signal": silence,
    "ignores its signal": () => new Promise(() => {}),
  })
) {
  test(`if fetch does not respond and ${name}, the call ends after 60 seconds, or after timeoutInMs`, async () => {
    for (const timeoutInMs of [undefined, 5_000]) {
      const clock = createFakeClock();
      const service = createService(respond);
      const options = { runtime: clock, ...timeoutInMs !== undefined && { timeoutInMs } };
      let settled = false;
      const failed = failureOf(create(service, options).getToken(SCOPE)).finally(() => settled = true);
      await service.untilRequested(1);
      await clock.advance((timeoutInMs ?? 60_000) - 1);
      assert.equal(settled, false);
      await clock.advance(1);
      const error = await failed;
      assert.equal(error.name, "AuthenticationError");
      assert.equal(
        error.message,
        `ClientSecretCredential: Cannot get a token: No response within the ${
          timeoutInMs ?? 60_000
        } ms of "timeoutInMs"`,
      );
      assert.equal(error.statusCode, 0);
      // Each attempt has its own timeout, so that a lost request is retried before the deadline.
      assert.ok(service.requests.length > 1);
      assert.ok(service.requests.every(({ signal }) => signal.aborted));
      assert.deepEqual(clock.sleeping, []);
    }
  });
}

test("an incomplete body is cancelled at the deadline", async () => {
  const clock = createFakeClock();
  let cancelled = false;
  const service = createService(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"access_token":')),
        cancel() {
          cancelled = true;
        },
      }),
    )
  );
  const failed = failureOf(create(service, { runtime: clock }).getToken(SCOPE));
  await service.untilRequested(1);
  await clock.advance(60_000);
  assert.match((await failed).message, /No response within the 60000 ms/);
  await clock.advance(0);
  assert.equal(cancelled, true);
});

test("the next call after a timeout sends a request", async () => {
  const clock = createFakeClock();
  const service = createService((_, index) => index === 0 ? new Promise(() => {}) : tokenAnswer());
  const credential = create(service, { runtime: clock, retryOptions: { maxRetries: 0 } });
  const failed = failureOf(credential.getToken(SCOPE));
  await service.untilRequested(1);
  await clock.advance(60_000);
  await failed;
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("the call ends at the deadline even during a backoff, and no attempt follows", async () => {
  const clock = createFakeClock();
  const service = createService(() => Promise.reject(new Error("No network today")));
  // Full jitter: a random wait below the bound. A wait that would exceed the deadline is not started.
  const retryOptions = { maxRetries: 1_000, retryDelayInMs: 20_000, maxRetryDelayInMs: 20_000 };
  let settled = false;
  const failed = failureOf(create(service, { runtime: clock, retryOptions }).getToken(SCOPE)).finally(() =>
    settled = true
  );
  await service.untilRequested(1);
  for (let passed = 0; passed < 60_000 && !settled; passed += 1_000) await clock.advance(1_000);
  assert.equal((await failed).name, "AuthenticationError");
  const sent = service.requests.length;
  await clock.advance(100_000);
  assert.equal(service.requests.length, sent);
  assert.deepEqual(clock.sleeping, []);
});

// Invalid responses

for (
  const [name, respond, message] of [
    [
      "a web page with status 403",
      () => new Response(`\n ${PAGE}`, { status: 403 }),
      "HTTP 403: The response is a web page: is a proxy in between?",
    ],
    [
      "a response without a body",
      () => new Response(null, { status: 204 }),
      "HTTP 204: The response is empty or longer than a megabyte",
    ],
    ["status 400 without an error", () => jsonAnswer({}, { status: 400 }), `HTTP 400: The response is ${NO_JSON}`],
    [
      "status 400 with an error that is not a string",
      () => jsonAnswer({ error: 7 }, { status: 400 }),
      `HTTP 400: The response is ${NO_JSON}`,
    ],
    ["status 404", () => new Response("Not found", { status: 404 }), `HTTP 404: The response is ${NO_JSON}`],
    [
      "status 501",
      () => new Response("", { status: 501 }),
      "HTTP 501: The response is empty or longer than a megabyte",
    ],
    [
      "status 505",
      () => new Response("", { status: 505 }),
      "HTTP 505: The response is empty or longer than a megabyte",
    ],
  ] as [string, () => Response, string][]
) {
  test(`${name} is rejected without a retry; the error has the reason, but not the body`, async () => {
    const { error, message: actual, asked } = await failWith(respond);
    assert.equal(actual, message);
    assert.equal(asked, 1);
    assert.equal(error.statusCode, respond().status);
    assert.doesNotMatch(JSON.stringify(error), /half of a|hotel|a-token/);
  });
}

test("a body of ten megabytes is cancelled soon after the first megabyte", async () => {
  let sent = 0;
  let cancelled = false;
  const chunk = new TextEncoder().encode("a".repeat(64 * 1024));
  const { message, asked } = await failWith(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += chunk.byteLength;
          controller.enqueue(chunk);
          if (sent > 10_000_000) controller.close();
        },
        cancel() {
          cancelled = true;
        },
      }),
    )
  );
  assert.equal(message, "HTTP 200: The response is empty or longer than a megabyte");
  assert.equal(asked, 1);
  assert.equal(cancelled, true);
  assert.ok(sent < 1_500_000, `${sent} bytes were read`);
});

test("a body whose cancellation hangs does not delay the error", async () => {
  const { asked } = await failWith(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(2_000_000)),
        cancel: () => new Promise(() => {}),
      }, { highWaterMark: 0 }),
    )
  );
  assert.equal(asked, 1);
});

test("a response of just under a megabyte is read", async () => {
  const access_token = "a".repeat(1_000_000);
  assert.equal((await create(createService(() => tokenAnswer({ access_token }))).getToken(SCOPE)).token, access_token);
});

// Redirects

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is rejected and not followed`, async () => {
    const headers = { location: "https://evil.example/token" };
    const urls: string[] = [];
    const { error, message, asked } = await failWith((request) => {
      urls.push(request.url);
      assert.equal(request.redirect, "manual");
      return new Response(null, { status, headers });
    });
    assert.equal(
      message,
      `HTTP ${status}: The service sent a redirect, which is not followed: another server could receive the secret. ` +
        CHECK_PORTAL,
    );
    assert.equal(error.statusCode, status);
    assert.equal(asked, 1);
    assert.deepEqual(urls, [TOKEN_ENDPOINT]);
  });
}

test("an opaque redirect of a browser is rejected too", async () => {
  const { error, message, asked } = await failWith(() => {
    const response = new Response(null);
    // The response that a page gets with `redirect: "manual"`.
    return Object.defineProperties(response, { type: { value: "opaqueredirect" }, status: { value: 0 } });
  });
  assert.match(message, /^HTTP 302: The service sent a redirect, which is not followed/);
  assert.equal(error.statusCode, 302);
  assert.equal(asked, 1);
});

test("a redirect of the simulated Entra is rejected", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  entra.failNext("redirect");
  const error = await failureOf(create(entra).getToken(SCOPE));
  assert.match(error.message, /^ClientSecretCredential: Cannot get a token .*: HTTP 307: The service sent a redirect/);
  assert.equal(entra.requests.length, 1);
});

// Retry-After

const AT = Date.parse("2030-01-01T00:00:00Z");
const DELAYS: readonly [headers: Record<string, string>, ms: number][] = [
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": new Date(AT + 7_000).toUTCString() }, 7_000],
  [{ "retry-after-ms": "7001" }, 7_001],
  [{ "x-ms-retry-after-ms": "7002" }, 7_002],
  [{ "retry-after-ms": "7003", "retry-after": "99" }, 7_003],
];

for (const status of [408, 429, 500, 502, 503, 504]) {
  for (const [headers, ms] of DELAYS) {
    test(`${status} with ${JSON.stringify(headers)}: 100 callers share one retry after ${ms} ms`, async () => {
      const clock = createFakeClock(AT);
      const service = createService((_, index) => index === 0 ? new Response("", { status, headers }) : tokenAnswer());
      const credential = create(service, { runtime: clock });
      const tokens = Promise.all(Array.from({ length: 100 }, () => credential.getToken(SCOPE)));
      assert.equal(await clock.untilSleeping(9_999), ms);
      await clock.advance(ms - 1);
      assert.equal(service.requests.length, 1);
      await clock.advance(1);
      assert.equal(new Set((await tokens).map(({ token }) => token)).size, 1);
      assert.equal(service.requests.length, 2);
    });
  }
}

test("calls during the delay before a retry join the request", async () => {
  const clock = createFakeClock(AT);
  const service = createService((_, index) =>
    index === 0 ? new Response("", { status: 429, headers: { "retry-after": "9" } }) : tokenAnswer()
  );
  const tokens = [create(service, { runtime: clock }).getToken(SCOPE)];
  await clock.untilSleeping(9_999);
  for (let i = 0; i < 8; i++) {
    await clock.advance(1_000);
    tokens.push(create(service, { runtime: clock }).getToken(SCOPE));
  }
  assert.equal(service.requests.length, 1);
  await clock.advance(1_000);
  await Promise.all(tokens);
  assert.equal(service.requests.length, 2);
});

test("a persistent 503: 100 callers share four requests and one error", async () => {
  const clock = createFakeClock(AT);
  const service = createService(() => new Response("", { status: 503, headers: { "retry-after": "5" } }));
  const credential = create(service, { runtime: clock });
  const failures = Promise.all(Array.from({ length: 100 }, () => failureOf(credential.getToken(SCOPE))));
  for (let i = 0; i < 3; i++) {
    assert.equal(await clock.untilSleeping(5_000), 5_000);
    await clock.advance(5_000);
  }
  const messages = new Set((await failures).map(({ message }) => message));
  assert.deepEqual([...messages], [`${ACTION}HTTP 503: The response is empty or longer than a megabyte`]);
  assert.equal(service.requests.length, 4);
  // The last response had a Retry-After header too.
  const later = await failureOf(credential.getToken(SCOPE));
  assert.equal(later.retryAfterInMs, 5_000);
  assert.equal(service.requests.length, 4);
});

test("5xx without Retry-After: the backoff is random, below a bound that doubles", async () => {
  const bounds: number[] = [];
  for (let run = 0; run < 20; run++) {
    const clock = createFakeClock(AT);
    const service = createService(() => new Response("", { status: 500 }));
    const failed = failureOf(create(service, { runtime: clock, retryOptions: {} }).getToken(SCOPE));
    for (let retry = 0; retry < 3; retry++) {
      await service.untilRequested(retry + 1);
      const wait = await clock.untilSleeping(9_999);
      bounds[retry] = Math.max(bounds[retry] ?? 0, wait);
      await clock.advance(wait);
    }
    await failed;
    assert.equal(service.requests.length, 4);
  }
  assert.ok(bounds[0]! <= 800 && bounds[1]! <= 1_600 && bounds[2]! <= 3_200, String(bounds));
  // With correct code, this fails in one of a billion runs.
  assert.ok(bounds[2]! > 800, String(bounds));
});

for (
  const [header, value, ms] of [
    ["retry-after", "61", 61_000],
    ["retry-after", "60", 60_000],
    ["retry-after", "3600", 3_600_000],
    ["retry-after", new Date(AT + 120_000).toUTCString(), 120_000],
    ["retry-after-ms", "60000", 60_000],
  ] as const
) {
  test(`${header}: ${value} exceeds the deadline: the call fails at once, and no request is sent during that time`, async () => {
    const clock = createFakeClock(AT);
    let busy = true;
    const service = createService(() =>
      busy ? new Response("", { status: 429, headers: { [header]: value } }) : tokenAnswer()
    );
    const credential = create(service, { runtime: clock });
    const failures = await Promise.all(Array.from({ length: 100 }, () => failureOf(credential.getToken(SCOPE))));
    assert.ok(failures.every(({ retryAfterInMs, statusCode }) => retryAfterInMs === ms && statusCode === 429));
    assert.equal(service.requests.length, 1);
    busy = false;
    await clock.advance(ms - 1);
    const later = await failureOf(credential.getToken(SCOPE));
    assert.equal(later.name, "AuthenticationError");
    assert.equal(later.statusCode, 429);
    assert.ok(Number(later.retryAfterInMs) > 0);
    await failureOf(create(service, { runtime: clock }).getToken(SCOPE));
    assert.equal(service.requests.length, 1);
    await clock.advance(1);
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    assert.equal(service.requests.length, 2);
  });
}

test("Retry-After is limited to an hour", async () => {
  const clock = createFakeClock(AT);
  const service = createService((_, index) =>
    index === 0 ? new Response("", { status: 503, headers: { "retry-after": "31536000" } }) : tokenAnswer()
  );
  const credential = create(service, { runtime: clock });
  assert.equal((await failureOf(credential.getToken(SCOPE))).retryAfterInMs, 31_536_000_000);
  await clock.advance(3_599_999);
  await failureOf(credential.getToken(SCOPE));
  assert.equal(service.requests.length, 1);
  await clock.advance(1);
  await credential.getToken(SCOPE);
  assert.equal(service.requests.length, 2);
});

test("an invalid Retry-After is ignored, and the usual backoff applies", async () => {
  for (
    const value of [
      "",
      " ",
      "-1",
      "1.5",
      "5, 5",
      "soon",
      "1e3",
      "0x10",
      "5s",
      "99999999999999999999",
      "NaN",
      "Infinity",
      "1/2",
    ]
  ) {
    const clock = createFakeClock(AT);
    const service = createService((_, index) =>
      index === 0 ? new Response("", { status: 503, headers: { "retry-after": value } }) : tokenAnswer()
    );
    const retryOptions = { retryDelayInMs: 10_000 };
    const random = Math.random;
    Math.random = () => 0.5;
    try {
      const token = create(service, { runtime: clock, retryOptions }).getToken(SCOPE);
      assert.equal(await Promise.race([clock.untilSleeping(9_999), token.then(() => 0)]), 5_000, value);
      await clock.advance(5_000);
      await token;
    } finally {
      Math.random = random;
    }
  }
});

test("a past date and zero seconds in Retry-After are ignored, and the usual backoff applies", async () => {
  for (const value of ["0", new Date(AT - 60_000).toUTCString()]) {
    const clock = createFakeClock(AT);
    const service = createService((_, index) =>
      index === 0 ? new Response("", { status: 503, headers: { "retry-after": value } }) : tokenAnswer()
    );
    const token = create(service, { runtime: clock, retryOptions: {} }).getToken(SCOPE);
    const wait = await Promise.race([clock.untilSleeping(9_999), token.then(() => 0)]);
    assert.ok(wait > 0 && wait <= 800, `${value}: ${wait}`);
    await clock.advance(wait);
    await token;
    assert.equal(service.requests.length, 2);
  }
});
