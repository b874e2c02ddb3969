import { ClientSecretCredential, type CredentialOptions, type ErrorResponse, type LogEvent } from "@azweb/identity";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  type Service,
  silence,
  TENANT,
  TOKEN_ENDPOINT,
  tokenAnswer,
} from "./support/service.ts";

const ACTION = `ClientSecretCredential: Cannot get a token for "${SCOPE}" from "${TOKEN_ENDPOINT}": `;

function create(service: Pick<Service, "fetch">, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...isolatedOptions(service), ...options });
}

/** Gets one token of a service that fails; returns how it failed and how often it was asked. */
async function failWith(answer: (asked: Asked, index: number) => unknown, options: CredentialOptions = {}) {
  const service = createService(answer);
  const error = await failureOf(create(service, options).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.ok(error.message.startsWith(ACTION), error.message);
  return { error, message: error.message.slice(ACTION.length), asked: service.requests.length };
}

// No whole answer: repeated, since it may heal

const UNREACHABLE: Readonly<Record<string, [fault: () => unknown, message: string]>> = {
  "refused, as Deno says it": [
    () =>
      Promise.reject(new TypeError("error sending request for url (https://…): tcp connect error: Connection refused")),
    "error sending request for url (https://…): tcp connect error: Connection refused",
  ],
  "refused, as Node says it": [
    () => Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:9") })),
    "fetch failed: connect ECONNREFUSED 127.0.0.1:9",
  ],
  "reset in the middle of the body": [
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
  "a fetch that rejects with nothing": [() => Promise.reject(), "The request failed"],
  "a fetch that rejects with null": [() => Promise.reject(null), "The request failed"],
  "a fetch that rejects with a text": [() => Promise.reject("no network"), "The request failed"],
  "a fetch that rejects with an empty error": [() => Promise.reject(new Error()), "The request failed"],
  "a fetch whose error has itself as cause": [() => {
    const error = new Error("round");
    error.cause = error;
    return Promise.reject(error);
  }, "round: round: round"],
};

for (const [name, [fault, message]] of Object.entries(UNREACHABLE)) {
  test(`${name}: three more attempts, then the reason`, async () => {
    const { error, message: said, asked } = await failWith(fault);
    assert.equal(said, message);
    assert.equal(asked, 4);
    assert.equal(error.statusCode, 0);
    assert.equal("errorResponse" in error, false);
    assert.equal("cause" in error, false);
  });
}

for (
  const [name, answer] of Object.entries({
    nothing: undefined,
    null: null,
    "a number": 7,
    "an object": {},
    "a text": "x",
  })
) {
  test(`a fetch that answers ${name} instead of a Response is a failure like others`, async () => {
    assert.equal((await failWith(() => answer)).asked, 4);
  });
}

test("a success that is an error says which", async () => {
  const { error, message } = await failWith(() =>
    jsonAnswer({ error: "invalid_grant", error_description: "AADSTS50126: Wrong", error_codes: [50126] })
  );
  assert.deepEqual((error.errorResponse as ErrorResponse).errorCodes, [50126]);
  assert.match(message, /invalid_grant \(HTTP 200, AADSTS50126\)/);
});

test("a body that was read already is a failure like others", async () => {
  const { asked } = await failWith(async () => {
    const response = tokenAnswer();
    await response.text();
    return response;
  });
  assert.equal(asked, 4);
});

test("an outage that ends is an outage that nobody sees", async () => {
  for (const fault of Object.values(UNREACHABLE).map(([fault]) => fault)) {
    const events: LogEvent[] = [];
    const service = createService((_, index) => index < 3 ? fault() : tokenAnswer());
    assert.equal((await create(service, { log: (event) => events.push(event) }).getToken(SCOPE)).token, "a-token");
    assert.deepEqual(events.map(({ event }) => event), [...Array(3).fill("request-retried"), "token-acquired"]);
  }
});

test("maxRetries says how often", async () => {
  for (const maxRetries of [0, 1, 5]) {
    assert.equal(
      (await failWith(() => Promise.reject(), { retryOptions: { maxRetries, retryDelayInMs: 0 } })).asked,
      maxRetries + 1,
    );
  }
});

// Silence

for (
  const [name, answer] of Object.entries({
    "heeds its signal": silence,
    "heeds nothing": () => new Promise(() => {}),
  })
) {
  test(`silence of a fetch that ${name} ends with the deadline: 60 seconds by default, or by option`, async () => {
    for (const timeoutInMs of [undefined, 5_000]) {
      const clock = createFakeClock();
      const service = createService(answer);
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
        `ClientSecretCredential: Cannot get a token: No answer within the ${timeoutInMs ?? 60_000} ms of "timeoutInMs"`,
      );
      assert.equal(error.statusCode, 0);
      assert.equal(service.requests.length, 1);
      assert.equal(service.requests[0]!.signal.aborted, true);
      assert.deepEqual(clock.sleeping, []);
    }
  });
}

test("a body that stops halfway ends with the deadline, and the body is given up", async () => {
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
  assert.match((await failed).message, /No answer within the 60000 ms/);
  await clock.advance(0);
  assert.equal(cancelled, true);
});

test("after silence the next call asks again", async () => {
  const clock = createFakeClock();
  const service = createService((_, index) => index === 0 ? new Promise(() => {}) : tokenAnswer());
  const credential = create(service, { runtime: clock });
  const failed = failureOf(credential.getToken(SCOPE));
  await service.untilRequested(1);
  await clock.advance(60_000);
  await failed;
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("waits between attempts end with the deadline too, and no attempt comes after it", async () => {
  const clock = createFakeClock();
  const service = createService(() => Promise.reject(new Error("No network today")));
  // Full jitter: a wait somewhere below the bound. Waits that would end behind the deadline are not begun.
  const retryOptions = { maxRetries: 1_000, retryDelayInMs: 20_000, maxRetryDelayInMs: 20_000 };
  let settled = false;
  const failed = failureOf(create(service, { runtime: clock, retryOptions }).getToken(SCOPE)).finally(() =>
    settled = true
  );
  await service.untilRequested(1);
  for (let passed = 0; passed < 60_000 && !settled; passed += 1_000) await clock.advance(1_000);
  assert.equal((await failed).name, "AuthenticationError");
  const asked = service.requests.length;
  await clock.advance(100_000);
  assert.equal(service.requests.length, asked);
  assert.deepEqual(clock.sleeping, []);
});

// An answer that is none

const PAGE = "<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>";
const NO_JSON = "not the JSON of a token service";

for (
  const [name, answer, message] of [
    [
      "a web page",
      () => new Response(PAGE, { headers: { "content-type": "text/html" } }),
      "HTTP 200: The answer is a web page: is a proxy in between?",
    ],
    [
      "a web page with status 403",
      () => new Response(`\n ${PAGE}`, { status: 403 }),
      "HTTP 403: The answer is a web page: is a proxy in between?",
    ],
    ["an empty body", () => new Response(""), "HTTP 200: The answer is empty, or longer than a megabyte"],
    ["no body", () => new Response(null, { status: 204 }), "HTTP 204: The answer is empty, or longer than a megabyte"],
    [
      "truncated JSON",
      () => new Response('{"token_type":"Bearer","expires_in":3600,"access_token":"half of a'),
      `HTTP 200: The answer is ${NO_JSON}`,
    ],
    ["null", () => jsonAnswer(null), `HTTP 200: The answer is ${NO_JSON}`],
    ["a list", () => jsonAnswer([{ access_token: "a-token" }]), `HTTP 200: The answer is ${NO_JSON}`],
    ["a text", () => jsonAnswer("a-token"), `HTTP 200: The answer is ${NO_JSON}`],
    [
      "no text at all",
      () => new Response(new Uint8Array([0xff, 0xfe, 0x00, 0x80])),
      `HTTP 200: The answer is ${NO_JSON}`,
    ],
    ["status 400 without an error", () => jsonAnswer({}, { status: 400 }), `HTTP 400: The answer is ${NO_JSON}`],
    [
      "status 400 with an error that is no text",
      () => jsonAnswer({ error: 7 }, { status: 400 }),
      `HTTP 400: The answer is ${NO_JSON}`,
    ],
    ["status 404", () => new Response("Not found", { status: 404 }), `HTTP 404: The answer is ${NO_JSON}`],
    ["status 501", () => new Response("", { status: 501 }), "HTTP 501: The answer is empty, or longer than a megabyte"],
    ["status 505", () => new Response("", { status: 505 }), "HTTP 505: The answer is empty, or longer than a megabyte"],
  ] as [string, () => Response, string][]
) {
  test(`${name} is refused at once, with the reason and without its text`, async () => {
    const { error, message: said, asked } = await failWith(answer);
    assert.equal(said, message);
    assert.equal(asked, 1);
    assert.equal(error.statusCode, answer().status);
    assert.doesNotMatch(JSON.stringify(error), /half of a|hotel|a-token/);
  });
}

test("ten megabytes are not read: the body is cancelled soon after the first", async () => {
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
  assert.equal(message, "HTTP 200: The answer is empty, or longer than a megabyte");
  assert.equal(asked, 1);
  assert.equal(cancelled, true);
  assert.ok(sent < 1_500_000, `${sent} bytes were read`);
});

test("a body that cannot be cancelled is left alone: the deadline is not needed", async () => {
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

test("an answer just below a megabyte is read", async () => {
  const access_token = "a".repeat(1_000_000);
  assert.equal((await create(createService(() => tokenAnswer({ access_token }))).getToken(SCOPE)).token, access_token);
});

// Redirects

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is refused, and the secret stays here`, async () => {
    const headers = { location: "https://evil.example/token" };
    const urls: string[] = [];
    const { error, message, asked } = await failWith((request) => {
      urls.push(request.url);
      assert.equal(request.redirect, "manual");
      return new Response(null, { status, headers });
    });
    assert.equal(
      message,
      `HTTP ${status}: The service redirects, which is not followed: a secret is for the one it is sent to`,
    );
    assert.equal(error.statusCode, status);
    assert.equal(asked, 1);
    assert.deepEqual(urls, [TOKEN_ENDPOINT]);
  });
}

test("a redirect that a browser hides is refused the same way", async () => {
  const { error, message, asked } = await failWith(() => {
    const response = new Response(null);
    // What a page gets for a redirect that it asked not to follow.
    return Object.defineProperties(response, { type: { value: "opaqueredirect" }, status: { value: 0 } });
  });
  assert.match(message, /^HTTP 302: The service redirects, which is not followed/);
  assert.equal(error.statusCode, 302);
  assert.equal(asked, 1);
});

test("the simulated Entra's redirect leads nowhere", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  entra.failNext("redirect");
  const error = await failureOf(create(entra).getToken(SCOPE));
  assert.match(error.message, /^ClientSecretCredential: Cannot get a token .*: HTTP 307: The service redirects/);
  assert.equal(entra.requests.length, 1);
});

// Try again later

const AT = Date.parse("2030-01-01T00:00:00Z");
const IN_SECONDS: readonly [headers: Record<string, string>, ms: number][] = [
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": new Date(AT + 7_000).toUTCString() }, 7_000],
  [{ "retry-after-ms": "7001" }, 7_001],
  [{ "x-ms-retry-after-ms": "7002" }, 7_002],
  [{ "retry-after-ms": "7003", "retry-after": "99" }, 7_003],
];

for (const status of [408, 429, 500, 502, 503, 504]) {
  for (const [headers, ms] of IN_SECONDS) {
    test(`${status} with ${JSON.stringify(headers)}: 100 callers wait together, and one asks again after ${ms} ms`, async () => {
      const clock = createFakeClock(AT);
      const service = createService((_, index) => index === 0 ? new Response("", { status, headers }) : tokenAnswer());
      const credential = create(service, { runtime: clock });
      const tokens = Promise.all(Array.from({ length: 100 }, () => credential.getToken(SCOPE)));
      assert.equal(await clock.untilSleeping(59_999), ms);
      await clock.advance(ms - 1);
      assert.equal(service.requests.length, 1);
      await clock.advance(1);
      assert.equal(new Set((await tokens).map(({ token }) => token)).size, 1);
      assert.equal(service.requests.length, 2);
    });
  }
}

test("callers that come while the others wait wait with them", async () => {
  const clock = createFakeClock(AT);
  const service = createService((_, index) =>
    index === 0 ? new Response("", { status: 429, headers: { "retry-after": "10" } }) : tokenAnswer()
  );
  const tokens = [create(service, { runtime: clock }).getToken(SCOPE)];
  await clock.untilSleeping(59_999);
  for (let i = 0; i < 9; i++) {
    await clock.advance(1_000);
    tokens.push(create(service, { runtime: clock }).getToken(SCOPE));
  }
  assert.equal(service.requests.length, 1);
  await clock.advance(1_000);
  await Promise.all(tokens);
  assert.equal(service.requests.length, 2);
});

test("503 that does not heal: 100 callers, four requests, one reason", async () => {
  const clock = createFakeClock(AT);
  const service = createService(() => new Response("", { status: 503, headers: { "retry-after": "5" } }));
  const credential = create(service, { runtime: clock });
  const failures = Promise.all(Array.from({ length: 100 }, () => failureOf(credential.getToken(SCOPE))));
  for (let i = 0; i < 3; i++) {
    assert.equal(await clock.untilSleeping(5_000), 5_000);
    await clock.advance(5_000);
  }
  const messages = new Set((await failures).map(({ message }) => message));
  assert.deepEqual([...messages], [`${ACTION}HTTP 503: The answer is empty, or longer than a megabyte`]);
  assert.equal(service.requests.length, 4);
  // The last answer said to wait too.
  const later = await failureOf(credential.getToken(SCOPE));
  assert.equal(later.retryAfterInMs, 5_000);
  assert.equal(service.requests.length, 4);
});

test("5xx without Retry-After: waits are random, below a bound that doubles", async () => {
  const bounds: number[] = [];
  for (let run = 0; run < 20; run++) {
    const clock = createFakeClock(AT);
    const service = createService(() => new Response("", { status: 500 }));
    const failed = failureOf(create(service, { runtime: clock, retryOptions: {} }).getToken(SCOPE));
    for (let retry = 0; retry < 3; retry++) {
      await service.untilRequested(retry + 1);
      const wait = await clock.untilSleeping(59_000);
      bounds[retry] = Math.max(bounds[retry] ?? 0, wait);
      await clock.advance(wait);
    }
    await failed;
    assert.equal(service.requests.length, 4);
  }
  assert.ok(bounds[0]! <= 800 && bounds[1]! <= 1_600 && bounds[2]! <= 3_200, String(bounds));
  // By chance alone this fails once in a thousand million runs.
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
  test(`${header}: ${value} is longer than there is time: an error at once, and no request until then`, async () => {
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

test("a service that asks to wait for a year is asked again in an hour", async () => {
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

test("a Retry-After that cannot be is no Retry-After: the usual waits", async () => {
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
      assert.equal(await Promise.race([clock.untilSleeping(59_999), token.then(() => 0)]), 5_000, value);
      await clock.advance(5_000);
      await token;
    } finally {
      Math.random = random;
    }
  }
});

test("a date that has passed, and no seconds, leave the usual back-off: nobody hammers a service that is down", async () => {
  for (const value of ["0", new Date(AT - 60_000).toUTCString()]) {
    const clock = createFakeClock(AT);
    const service = createService((_, index) =>
      index === 0 ? new Response("", { status: 503, headers: { "retry-after": value } }) : tokenAnswer()
    );
    const token = create(service, { runtime: clock, retryOptions: {} }).getToken(SCOPE);
    const wait = await Promise.race([clock.untilSleeping(59_999), token.then(() => 0)]);
    assert.ok(wait > 0 && wait <= 800, `${value}: ${wait}`);
    await clock.advance(wait);
    await token;
    assert.equal(service.requests.length, 2);
  }
});

test("a refusal is final: no retry, and the next call asks", async () => {
  for (const status of [400, 401, 403, 404, 405]) {
    const service = createService(() => jsonAnswer({ error: "invalid_client" }, { status }));
    const credential = create(service);
    assert.equal((await failureOf(credential.getToken(SCOPE))).statusCode, status);
    assert.equal(service.requests.length, 1);
    await failureOf(credential.getToken(SCOPE));
    assert.equal(service.requests.length, 2);
  }
});

// Entra's refusals

/** What Entra says for the codes that people meet most, and what we tell them to do. */
const CODES: readonly [code: number, status: number, error: string, description: string, advice: RegExp][] = [
  [
    7000215,
    401,
    "invalid_client",
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'a'.",
    /Check the client secret: it must be the secret's value, not its id/,
  ],
  [
    7000222,
    401,
    "invalid_client",
    "The provided client secret keys for app 'a' are expired.",
    /The client secret has expired: create a new one/,
  ],
  [
    700016,
    400,
    "unauthorized_client",
    "Application with identifier 'a' was not found in the directory 'b'.",
    /Check the client id/,
  ],
  [90002, 400, "invalid_request", "Tenant 'b' not found.", /Check the tenant id, and the cloud/],
  [
    700027,
    401,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered on application.",
    /Upload this certificate/,
  ],
  [700024, 401, "invalid_client", "Client assertion is not within its valid time range.", /Check the clock/],
  [
    700213,
    401,
    "invalid_client",
    "No matching federated identity record found for presented assertion subject 'c'.",
    /Add a federated credential/,
  ],
  [
    70021,
    401,
    "invalid_client",
    "No matching federated identity record found for presented assertion.",
    /Add a federated credential/,
  ],
  [
    500011,
    400,
    "invalid_resource",
    "The resource principal named d was not found in the tenant named b.",
    /Check the scope/,
  ],
  [
    1002012,
    400,
    "invalid_scope",
    "The provided value for scope d is not valid.",
    /Use a scope that ends in "\/\.default"/,
  ],
  [
    50126,
    400,
    "invalid_grant",
    "Error validating credentials due to invalid username or password.",
    /Check the user name and the password/,
  ],
  [
    50076,
    400,
    "interaction_required",
    "You must use multi-factor authentication to access 'd'.",
    /Sign in interactively/,
  ],
  [
    65001,
    400,
    "invalid_grant",
    "The user or administrator has not consented to use the application with ID 'a'.",
    /Grant the app/,
  ],
  [53003, 400, "invalid_grant", "Access has been blocked by Conditional Access policies.", /Conditional Access policy/],
];

for (const [code, status, error, description, advice] of CODES) {
  test(`AADSTS${code} says what is wrong, what to do, and whom to name to Microsoft's support`, async () => {
    const body = {
      error,
      error_description:
        `AADSTS${code}: ${description} Trace ID: 1111 Correlation ID: 2222 Timestamp: 2030-01-01 00:00:00Z`,
      error_codes: [code],
      timestamp: "2030-01-01 00:00:00Z",
      trace_id: "1111",
      correlation_id: "2222",
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
      suberror: "client_mismatch",
    };
    // With a challenge, which must not hide the code.
    const headers = { "www-authenticate": 'Bearer realm="x", error="invalid_client"' };
    const { error: failure, message, asked } = await failWith(() => jsonAnswer(body, { status, headers }));
    const [head, ...rest] = message.split(". ");
    assert.equal(head, `${error} (HTTP ${status}, AADSTS${code})`);
    assert.equal(rest.slice(0, -1).join(". "), description.replace(/\.$/, ""));
    assert.match(rest.at(-1)!, advice);
    assert.doesNotMatch(message, /\.$|Trace ID|undefined/);
    assert.equal(asked, 1);
    assert.equal(failure.statusCode, status);
    assert.deepEqual(failure.errorResponse, {
      error,
      errorDescription: body.error_description,
      errorCodes: [code],
      suberror: "client_mismatch",
      correlationId: "2222",
      timestamp: "2030-01-01 00:00:00Z",
      traceId: "1111",
    });
  });
}

test("a code that nobody knows is shown, without advice", async () => {
  const body = { error: "invalid_request", error_description: "AADSTS4711: Something. ", error_codes: [4711] };
  const { message } = await failWith(() => jsonAnswer(body, { status: 400 }));
  assert.equal(message, "invalid_request (HTTP 400, AADSTS4711). Something");
});

test("of several codes all are shown, and the first advice", async () => {
  const body = {
    error: "invalid_grant",
    error_description: "AADSTS50076: Several.",
    error_codes: [4711, 50126, 50076],
  };
  const { message } = await failWith(() => jsonAnswer(body, { status: 400 }));
  assert.equal(
    message,
    "invalid_grant (HTTP 400, AADSTS4711, AADSTS50126, AADSTS50076). Several. Check the user name and the password",
  );
});

test("an error alone, as other services send it, is enough", async () => {
  const { error, message } = await failWith(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401)");
  assert.deepEqual(error.errorResponse, { error: "invalid_client", errorDescription: "", errorCodes: [] });
});

test("members of an error that are of another kind are left out", async () => {
  for (const odd of [null, 7, true, {}, [], [[7]]]) {
    const body = {
      error: "invalid_client",
      error_description: odd,
      error_codes: odd,
      timestamp: odd,
      trace_id: odd,
      correlation_id: odd,
      suberror: odd,
      claims: odd,
    };
    const { error, message } = await failWith(() => jsonAnswer(body, { status: 401 }));
    assert.equal(message, "invalid_client (HTTP 401)");
    assert.deepEqual(error.errorResponse, { error: "invalid_client", errorDescription: "", errorCodes: [] });
  }
});

test("a description over several lines has single spaces", async () => {
  const error_description = "AADSTS4711: Wrong. \r\n  Try\t again.";
  const { message } = await failWith(() => jsonAnswer({ error: "invalid_client", error_description }, { status: 401 }));
  assert.equal(message, "invalid_client (HTTP 401). Wrong. Try again");
});

test("a description that goes on and on, over many lines, is one short line", async () => {
  const error_description = `AADSTS4711: ${"All work and no play.\r\n\u0000\u001b[31m".repeat(1_000)}`;
  const { error, message } = await failWith(() =>
    jsonAnswer({ error: "e".repeat(5_000), error_description }, { status: 400 })
  );
  assert.ok(message.length < 1_000, String(message.length));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message + JSON.stringify(error.errorResponse).replaceAll("\\u", "\\\\u"), /[\x00-\x1f]/);
});

test("an error body with status 5xx is tried again, and then shown", async () => {
  const body = {
    error: "temporarily_unavailable",
    error_description: "AADSTS90033: A transient error.",
    error_codes: [90033],
  };
  const { message, asked } = await failWith(() => jsonAnswer(body, { status: 503 }));
  assert.equal(message, "temporarily_unavailable (HTTP 503, AADSTS90033). A transient error");
  assert.equal(asked, 4);
});

// Tokens that are none

for (
  const expires_in of [
    undefined,
    null,
    0,
    -1,
    -3600,
    "",
    "0",
    "-1",
    "3599abc",
    "abc",
    "1e3",
    "0x10",
    " 3599",
    "3599.5",
    "NaN",
    "Infinity",
    true,
    [],
    [3599],
    {},
    1e300,
    1e11,
    "99999999999",
  ]
) {
  test(`expires_in ${JSON.stringify(expires_in)} is no lifetime`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ expires_in }));
    assert.equal(message, 'The answer has no usable "expires_in"');
    assert.equal(error.statusCode, 200);
    assert.equal(asked, 1);
  });
}

test("expires_in NaN, as some services write it, is no JSON", async () => {
  const text = '{"token_type":"Bearer","access_token":"a-token","expires_in":NaN}';
  assert.equal((await failWith(() => new Response(text))).message, `HTTP 200: The answer is ${NO_JSON}`);
});

for (const expires_in of [3599, "3599", 3599.0, "0003599"]) {
  test(`expires_in ${JSON.stringify(expires_in)} is 3,599 seconds from the request`, async () => {
    const clock = createFakeClock(AT);
    const service = createService(() => tokenAnswer({ expires_in }));
    const token = await create(service, { runtime: clock }).getToken(SCOPE);
    assert.equal(token.expiresOnTimestamp, AT + 3_599_000);
    assert.equal(token.tokenType, "Bearer");
  });
}

for (const token_type of [undefined, null, "", "pop", "mac", "DPoP", "Bearer ", 7, {}, { toString: 0 }, ["Bearer"]]) {
  test(`token_type ${JSON.stringify(token_type)} is no bearer token`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ token_type }));
    assert.equal(message, 'The answer has no usable "token_type"');
    assert.equal(error.statusCode, 200);
    assert.equal(asked, 1);
  });
}

for (const token_type of ["Bearer", "bearer", "BEARER"]) {
  test(`token_type ${token_type} is Bearer`, async () => {
    assert.equal((await create(createService(() => tokenAnswer({ token_type }))).getToken(SCOPE)).tokenType, "Bearer");
  });
}

for (const access_token of [undefined, null, "", 7, true, {}, ["a-token"]]) {
  test(`access_token ${JSON.stringify(access_token)} is none`, async () => {
    const { error, message, asked } = await failWith(() => tokenAnswer({ access_token }));
    assert.match(message, /"access_token"/);
    assert.equal(error.statusCode, 200);
    assert.equal("cause" in error, false);
    assert.equal(asked, 1);
  });
}

test("what else an answer holds does not matter", async () => {
  for (
    const members of [
      { id_token: "not.a.jwt" },
      { id_token: 7 },
      { refresh_token: 7 },
      { scope: 7 },
      { scope: ["a"] },
      { ext_expires_in: "x", client_info: {}, foci: 1 },
      { refresh_in: "x" },
      { refresh_in: -1 },
      { refresh_in: null },
      { error: "none" },
    ]
  ) {
    const token = await create(createService(() => tokenAnswer(members))).getToken(SCOPE);
    assert.equal(token.token, "a-token", JSON.stringify(members));
    assert.equal(token.refreshAfterTimestamp, undefined);
  }
});

test("members that would change what an object is change nothing", async () => {
  const text = '{"__proto__":{"access_token":"evil"},"token_type":"Bearer","expires_in":3600,"access_token":"a-token"}';
  assert.equal((await create(createService(() => new Response(text))).getToken(SCOPE)).token, "a-token");
  assert.match(
    (await failWith(() => new Response(text.replace(',"access_token":"a-token"', "")))).message,
    /"access_token"/,
  );
});

test("what a request sends", async () => {
  const service = createService();
  await create(service).getToken(SCOPE);
  const [{ method, headers, form, url }] = service.requests as [Asked];
  assert.equal(method, "POST");
  assert.equal(url, TOKEN_ENDPOINT);
  assert.match(headers.get("content-type")!, /^application\/x-www-form-urlencoded/);
  assert.deepEqual([...headers.keys()].sort(), ["accept", "content-type"]);
  assert.deepEqual(Object.keys(form).sort(), [
    "client-request-id",
    "client_id",
    "client_secret",
    "grant_type",
    "scope",
    "x-client-SKU",
    "x-client-VER",
  ]);
});

test("what a service says stays readable beside a secret of few plain letters", async () => {
  for (const secret of ["пароль", "пароль1", "!1", "密码abc"]) {
    const service = createService(() =>
      new Response(
        JSON.stringify({
          error: "invalid_client",
          error_description: "AADSTS7000215: Invalid client secret provided.",
          error_codes: [7000215],
          trace_id: "0abc1111-2222-3333-4444-555555555555",
        }),
        { status: 401 },
      )
    );
    const error = await failureOf(
      new ClientSecretCredential(TENANT, CLIENT, secret, isolatedOptions(service)).getToken(SCOPE),
    );
    const response = error.errorResponse as ErrorResponse;
    assert.equal(response.error, "invalid_client", secret);
    assert.equal(response.traceId, "0abc1111-2222-3333-4444-555555555555", secret);
    assert.match(error.message, /Invalid client secret provided/, secret);
  }
});
