import {
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientSecretCredential,
  type CredentialOptions,
  CredentialUnavailableError,
} from "@azweb/identity";
import { fromAws } from "@azweb/identity/federation";
import { createFakeClock, StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  SCOPE,
  type Service,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const ASSERTION = "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl";

function create(
  getAssertion: () => unknown,
  service: Service,
  options: CredentialOptions = {},
): ClientAssertionCredential {
  const all = { ...isolatedOptions(service), ...options };
  return new ClientAssertionCredential(TENANT, CLIENT, getAssertion as () => Promise<string>, all);
}

test("sends the assertion as form parameters, without surrounding white space", async () => {
  for (const text of [ASSERTION, `${ASSERTION}\n`, ` ${ASSERTION}\r\n`]) {
    for (const returned of [text, Promise.resolve(text)]) {
      const service = createService();
      await create(() => returned, service).getToken(SCOPE);
      const { form } = service.requests[0]!;
      assert.equal(form.client_assertion, ASSERTION);
      assert.equal(form.client_assertion_type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      assert.equal(form.client_id, CLIENT);
      assert.equal(form.client_secret, undefined);
    }
  }
});

test("a callback that throws or rejects causes an AuthenticationError with that error as its cause, and no request", async () => {
  const cause = new Error("The identity provider is down");
  for (
    const callback of [() => Promise.reject(cause), () => {
      throw cause;
    }]
  ) {
    const service = createService();
    const error = await failureOf(create(callback, service).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(
      error.message,
      'ClientAssertionCredential: Cannot get a client assertion: The callback "getAssertion" failed: ' +
        "The identity provider is down",
    );
    assert.equal(error.cause, cause);
    assert.equal(error.statusCode, 0);
    assert.equal(service.requests.length, 0);
  }
});

for (
  const [message, shown] of [
    [`Rejected ${ASSERTION} of the build`, "Rejected [redacted] of the build"],
    [
      "GET https://id.example/token?code=abc123&audience=b failed",
      "GET https://id.example/token?code=[redacted]&audience=[redacted] failed",
    ],
    ["Authorization: Bearer abc.def was refused", "Authorization: [redacted] [redacted] was refused"],
    ["Authorization: Negotiate s3cr3t was refused", "Authorization: [redacted] [redacted] was refused"],
    ['{"authorization":"ApiKey s3cr3t"}', '{"authorization":"[redacted]"}'],
    ["Server=db;Pwd=s3cr3t", "Server=db;Pwd=[redacted]"],
    ["passphrase: s3cr3t", "passphrase: [redacted]"],
    ["Exit code: 7, see https://id.example/help", "Exit code: 7, see https://id.example/help"],
    ['{"client_secret":"s3cr3t","error":"no"}', '{"client_secret":"[redacted]","error":"no"}'],
    ['{"client_secret" : "s3 cr3t", "error": "no"}', '{"client_secret" : "[redacted]", "error": "no"}'],
    ["password = s3cr3t, user = jo", "password = [redacted], user = jo"],
    ["password: 's3 \\'cr3t', user: 'jo'", "password: '[redacted]', user: 'jo'"],
    ['The body "{\\"token\\":\\"s3 cr3t\\"}" was refused', 'The body "{\\"token\\":\\"[redacted]" was refused'],
    ["The password:\n  s3cr3t", "The password: [redacted]"],
    ['"{\\"client_secret\\": \\"s3cr3t\\", 1}"', '"{\\"client_secret\\": \\"[redacted]"'],
    ["password = s3cr3t, key:\n  s3cr3t", "password = [redacted], key: [redacted]"],
    ["Refused: Bearer\n\ts3cr3t", "Refused: Bearer [redacted]"],
    ["GET https://jo:s3cr@t@id.example/a@b failed", "GET https://[redacted]@id.example/a@b failed"],
    [`Unknown key ${"4f".repeat(20)}`, "Unknown key [redacted]"],
    ["Two\n lines\tof text.", "Two lines of text"],
    ["", 'see "cause"'],
  ] as const
) {
  test(`the message of a callback's error is shown without secrets: ${shown}`, async () => {
    const error = await failureOf(create(() => Promise.reject(new Error(message)), createService()).getToken(SCOPE));
    assert.ok(error.message.endsWith(`The callback "getAssertion" failed: ${shown}`), error.message);
  });
}

test("the messages and codes of the causes are shown, because fetch of Node says only that it failed", async () => {
  const lookup = Object.assign(new Error("getaddrinfo ENOTFOUND vault.example"), { code: "ENOTFOUND" });
  const refused = Object.assign(new Error(""), { code: "ECONNREFUSED" });
  const circular = new Error("again");
  circular.cause = circular;
  for (
    const [error, shown] of [
      [new TypeError("fetch failed", { cause: lookup }), "fetch failed: getaddrinfo ENOTFOUND vault.example"],
      [new TypeError("fetch failed", { cause: refused }), "fetch failed: (ECONNREFUSED)"],
      [new Error("", { cause: new Error(`Rejected ${ASSERTION}`) }), "Rejected [redacted]"],
      [circular, "again"],
      ["a text", "a text"],
    ] as const
  ) {
    const { message } = await failureOf(create(() => Promise.reject(error), createService()).getToken(SCOPE));
    assert.ok(message.endsWith(`The callback "getAssertion" failed: ${shown}`), message);
  }
});

test("a callback that rejects with a value that is not an Error causes an AuthenticationError", async () => {
  for (const reason of [undefined, null, "a text", 7, {}]) {
    const service = createService();
    const error = await failureOf(create(() => Promise.reject(reason), service).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(error.cause, reason);
    assert.equal(service.requests.length, 0);
  }
});

const { proxy: closed, revoke } = Proxy.revocable({}, {});
revoke();

/** Errors with a member that cannot be read, as of an object of a window that was closed. */
const unreadable: Readonly<Record<string, unknown>> = {
  "no readable member": closed,
  ...Object.fromEntries(["name", "message", "code", "cause"].map((name) => [
    `an unreadable "${name}"`,
    Object.defineProperty(new Error("The vault is sealed"), name, {
      get() {
        throw new RangeError("unreadable");
      },
    }),
  ])),
};
for (const [which, cause] of Object.entries(unreadable)) {
  test(`a callback that rejects with an error with ${which} causes an AuthenticationError`, async () => {
    const error = await failureOf(create(() => Promise.reject(cause), createService()).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.match(
      error.message,
      /^ClientAssertionCredential: .*The callback "getAssertion" failed: (The vault is sealed|see "cause")$/,
    );
    assert.equal(error.cause, cause);
  });

  test(`a callback of a source that rejects with an error with ${which} causes an AuthenticationError`, async () => {
    const credentials = () => Promise.reject(cause);
    const error = await failureOf(fromAws({ region: "eu-west-1", credentials })());
    assert.equal(error.name, "AuthenticationError");
    assert.match(
      error.message,
      /^Cannot get the assertion of AWS: The callback "credentials" failed: (The vault is sealed|see "cause")$/,
    );
  });

  test(`a fetch that rejects with an error with ${which} is a request without a response`, async () => {
    const fetch = () => Promise.reject(cause);
    const options = { ...isolatedOptions(createService()), fetch, retryOptions: { maxRetries: 0 } };
    const error = await failureOf(new ClientSecretCredential(TENANT, CLIENT, "s3cr3t", options).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^ClientSecretCredential: Cannot get a token .*: The (vault is sealed|request failed)/);
    assert.equal(error.statusCode, 0);
  });
}

for (const nothing of [undefined, null, "", " ", "\n", 7, true, {}, [], [ASSERTION], new Uint8Array(3)]) {
  test(`a callback that returns ${nothing instanceof Uint8Array ? "bytes" : JSON.stringify(nothing)} is rejected`, async () => {
    const service = createService();
    const error = await failureOf(create(() => Promise.resolve(nothing), service).getToken(SCOPE));
    assert.equal(error.name, "AuthenticationError");
    assert.equal(
      error.message,
      'ClientAssertionCredential: Cannot get a client assertion: The callback "getAssertion" must return a JWT as a non-empty string',
    );
    assert.equal(service.requests.length, 0);
  });
}

test("a callback that never settles ends at the deadline, and the next call calls it again", async () => {
  const clock = createFakeClock();
  const service = createService();
  let calls = 0;
  let called!: () => void;
  const untilCalled = new Promise<void>((resolve) => called = resolve);
  const credential = create(
    () => {
      called();
      return calls++ === 0 ? new Promise(() => {}) : Promise.resolve(ASSERTION);
    },
    service,
    { runtime: clock, timeoutInMs: 10_000 },
  );
  const failed = failureOf(credential.getToken(SCOPE));
  await untilCalled;
  await clock.advance(10_000);
  const error = await failed;
  assert.equal(error.name, "AuthenticationError");
  assert.match(
    error.message,
    /^ClientAssertionCredential: Cannot get a token: No response within the 10000 ms of "timeoutInMs"$/,
  );
  assert.equal(service.requests.length, 0);
  assert.deepEqual(clock.sleeping, []);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("an aborted call does not wait for the callback", async () => {
  const service = createService();
  const controller = new AbortController();
  const credential = create(() => new Promise(() => {}), service);
  const failed = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await failed, reason);
});

test("a callback that throws CredentialUnavailableError lets a chain continue", async () => {
  for (
    const reason of [
      new CredentialUnavailableError("No platform token here"),
      // An error of another copy of the package, or of @azure/identity.
      Object.assign(new Error("No platform token here"), { name: "CredentialUnavailableError" }),
    ]
  ) {
    const service = createService();
    const credential = create(() => Promise.reject(reason), service);
    const error = await failureOf(credential.getToken(SCOPE));
    assert.equal(error.name, "CredentialUnavailableError");
    assert.match(error.message, /No platform token here/);
    const chain = new ChainedTokenCredential(credential, new StaticCredential("another-token"));
    assert.equal((await chain.getToken(SCOPE)).token, "another-token");
    assert.equal(service.requests.length, 0);
  }
});

test("an error repeats the message of its cause only once", async () => {
  const reason = new CredentialUnavailableError("No platform token here");
  const credential = create(() => Promise.reject(reason), createService());
  for (let i = 0; i < 3; i++) {
    const { message } = await failureOf(credential.getToken(SCOPE));
    assert.equal(message, "ClientAssertionCredential: No platform token here");
  }
});

test("the callback is called once for a token request and never for a cached token", async () => {
  const clock = createFakeClock();
  const service = createService();
  let calls = 0;
  const getAssertion = () => Promise.resolve(`${ASSERTION}${calls++}`);
  const credential = create(getAssertion, service, { runtime: clock });
  await Promise.all(Array.from({ length: 100 }, () => credential.getToken(SCOPE)));
  await credential.getToken(SCOPE);
  // Equal credentials with the same callback share cached tokens.
  await create(getAssertion, service, { runtime: clock }).getToken(SCOPE);
  assert.equal(calls, 1);
  await credential.getToken("https://vault.azure.net/.default");
  assert.equal(calls, 2);
  await clock.advance(3_600_000);
  await credential.getToken(SCOPE);
  assert.equal(calls, 3);
  assert.deepEqual(service.requests.map(({ form }) => form.client_assertion), [0, 1, 2].map((i) => `${ASSERTION}${i}`));
});

test("each attempt uses a new assertion", async () => {
  const service = createService((_, index) => index < 2 ? new Response("", { status: 503 }) : tokenAnswer());
  let calls = 0;
  await create(() => Promise.resolve(`${ASSERTION}${calls++}`), service).getToken(SCOPE);
  assert.deepEqual(service.requests.map(({ form }) => form.client_assertion), [0, 1, 2].map((i) => `${ASSERTION}${i}`));
});

test("a failing callback has no effect while the cached token is valid", async () => {
  const clock = createFakeClock();
  const service = createService(() => tokenAnswer({ refresh_in: 1_800 }));
  let broken = false;
  const credential = create(
    () => broken ? Promise.reject(new Error("down")) : Promise.resolve(ASSERTION),
    service,
    { runtime: clock },
  );
  await credential.getToken(SCOPE);
  broken = true;
  await clock.advance(1_800_000);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  await clock.advance(0);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});
