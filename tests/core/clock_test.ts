import { ClientSecretCredential, type CredentialOptions, type LogEvent, type TokenSet } from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
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
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const START = Date.parse("2030-01-01T00:00:00Z");

/** Creates a credential, a fake clock, and a service that returns a new token for each request. */
function createWorld(
  members: Record<string, unknown> | ((asked: Asked, index: number) => unknown) = {},
  options: CredentialOptions = {},
) {
  const clock: FakeClock = createFakeClock(START);
  const answer = typeof members === "function"
    ? members
    : (_: Asked, index: number) => tokenAnswer({ access_token: `token-${index}`, ...members });
  const service = createService(answer);
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", {
    ...isolatedOptions(service, clock),
    ...options,
  });
  return {
    clock,
    service,
    credential,
    /** Returns the token, after background work has ended. */
    async get(): Promise<string> {
      const { token } = await credential.getToken(SCOPE);
      for (let i = 0; i < 3; i++) await clock.advance(0);
      return token;
    },
  };
}

test("counts lifetimes from the time of the request, not of the response", async () => {
  const { clock, service, credential } = createWorld(async ({ signal }) => {
    await clock.sleep(5 * SECOND, signal);
    return tokenAnswer({ refresh_in: 1_800 });
  });
  const token = credential.getToken(SCOPE);
  await service.untilRequested(1);
  await clock.advance(5 * SECOND);
  assert.equal((await token).expiresOnTimestamp, START + HOUR);
  assert.equal((await token).refreshAfterTimestamp, START + HOUR / 2);
});

test("counts lifetimes from the last attempt, not from the first", async () => {
  const { clock, credential } = createWorld((_, index) =>
    index === 0 ? new Response("", { status: 503, headers: { "retry-after": "9" } }) : tokenAnswer()
  );
  const token = credential.getToken(SCOPE);
  await clock.untilSleeping(9_999);
  await clock.advance(9 * SECOND);
  assert.equal((await token).expiresOnTimestamp, START + 9 * SECOND + HOUR);
});

test("treats a token as expired five minutes early", async () => {
  const { clock, get } = createWorld();
  assert.equal(await get(), "token-0");
  await clock.advance(55 * MINUTE - 1);
  assert.equal(await get(), "token-0");
  await clock.advance(1);
  assert.equal(await get(), "token-1");
});

for (
  const [lifetime, until] of [[599, 299_500], [60, 30_000], [2, 1_000], [1, 500], [600, 300_000], [
    601,
    301_000,
  ]] as const
) {
  test(`uses a token with a lifetime of ${lifetime} s for ${until} ms`, async () => {
    const { clock, get } = createWorld({ expires_in: lifetime });
    assert.equal(await get(), "token-0");
    await clock.advance(until - 1);
    assert.equal(await get(), "token-0");
    await clock.advance(1);
    assert.equal(await get(), "token-1");
  });
}

test("returns the cached token after refresh_in, and refreshes it once in the background", async () => {
  const { clock, service, credential, get } = createWorld({ refresh_in: 1_800 });
  assert.equal((await credential.getToken(SCOPE)).refreshAfterTimestamp, START + 30 * MINUTE);
  await clock.advance(30 * MINUTE - 1);
  assert.equal(await get(), "token-0");
  assert.equal(service.requests.length, 1);
  await clock.advance(1);
  const tokens = await Promise.all(Array.from({ length: 100 }, () => credential.getToken(SCOPE)));
  assert.ok(tokens.every(({ token }) => token === "token-0"));
  await service.untilRequested(2);
  for (let i = 0; i < 3; i++) await clock.advance(0);
  assert.equal(await get(), "token-1");
  assert.equal(service.requests.length, 2);
});

for (
  const [members, due] of [
    [{ expires_in: 7_200 }, HOUR],
    [{ expires_in: 86_400 }, 12 * HOUR],
    [{ expires_in: 7_200, refresh_in: "60" }, MINUTE],
    [{ expires_in: 7_200, refresh_in: 0 }, HOUR],
    [{ expires_in: 7_199 }, undefined],
    [{ expires_in: 3_600 }, undefined],
  ] as const
) {
  test(`refreshes a token with ${JSON.stringify(members)} ${due === undefined ? "when it expires" : `after ${due / MINUTE} minutes`}`, async () => {
    const { clock, credential, get } = createWorld(members);
    const token = await credential.getToken(SCOPE);
    assert.equal(token.refreshAfterTimestamp, due === undefined ? undefined : START + due);
    if (due === undefined) return;
    await clock.advance(due);
    assert.equal(await get(), "token-0");
    assert.equal(await get(), "token-1");
  });
}

test("returns the valid token after a failed refresh, and refreshes again after 30 seconds", async () => {
  for (
    const failure of [
      () => new Response("", { status: 500 }),
      () => jsonAnswer({ error: "invalid_client" }, { status: 401 }),
      () => Promise.reject(new Error("No network today")),
      () => new Response("<html>"),
    ]
  ) {
    const { clock, service, get } = createWorld(
      (_, index) => index === 0 ? tokenAnswer({ refresh_in: 1_800 }) : failure(),
      { retryOptions: { maxRetries: 0 } },
    );
    await get();
    await clock.advance(30 * MINUTE);
    for (let i = 0; i < 5; i++) assert.equal(await get(), "a-token");
    assert.equal(service.requests.length, 2);
    await clock.advance(30 * SECOND - 1);
    await get();
    assert.equal(service.requests.length, 2);
    await clock.advance(1);
    assert.equal(await get(), "a-token");
    assert.equal(service.requests.length, 3);
  }
});

test("returns a valid token at once during a refresh without a response, or after two seconds on runtimes without background work", async () => {
  const { clock, service, credential } = createWorld(
    (_, index) => index === 0 ? tokenAnswer({ refresh_in: 600 }) : new Promise(() => {}),
    { waitUntil: undefined, retryOptions: { maxRetries: 0 } } as unknown as CredentialOptions,
  );
  await credential.getToken(SCOPE);
  await clock.advance(10 * MINUTE);
  const due = credential.getToken(SCOPE);
  if (["workerd", "web"].includes(detectPlatform())) {
    await clock.untilSleeping(2 * SECOND);
    await clock.advance(2 * SECOND);
  }
  assert.equal((await due).token, "a-token");
  // The next callers do not wait again.
  if (["workerd", "web"].includes(detectPlatform())) await credential.getToken(SCOPE);
  await service.untilRequested(2);
  assert.equal(service.requests.length, 2);
});

test("refreshes again after the Retry-After of a failed refresh", async () => {
  const { clock, service, get } = createWorld((_, index) =>
    index === 1
      ? new Response("", { status: 429, headers: { "retry-after": "600" } })
      : tokenAnswer({ refresh_in: 1_800 })
  );
  await get();
  await clock.advance(30 * MINUTE);
  await get();
  await clock.advance(10 * MINUTE - 1);
  await get();
  assert.equal(service.requests.length, 2);
  await clock.advance(1);
  await get();
  assert.equal(service.requests.length, 3);
});

test("returns the token until half a second before its expiry during an outage, and then rejects with the outage's error", async () => {
  const { clock, service, credential, get } = createWorld(
    (_, index) => index === 0 ? tokenAnswer() : Promise.reject(new Error("No network today")),
    { retryOptions: { maxRetries: 0 } },
  );
  await get();
  await clock.advance(55 * MINUTE);
  assert.equal(await get(), "a-token");
  assert.equal(service.requests.length, 2);
  // The next request is delayed as after a failed refresh.
  assert.equal(await get(), "a-token");
  assert.equal(service.requests.length, 2);
  await clock.advance(5 * MINUTE - 501);
  assert.equal(await get(), "a-token");
  await clock.advance(1);
  const error = await failureOf(credential.getToken(SCOPE));
  assert.match(error.message, /No network today/);
});

test("rejects with a definitive error five minutes before the token expires", async () => {
  const { clock, credential, get } = createWorld((_, index) =>
    index === 0 ? tokenAnswer() : jsonAnswer({ error: "invalid_client" }, { status: 401 })
  );
  await get();
  await clock.advance(55 * MINUTE);
  assert.match((await failureOf(credential.getToken(SCOPE))).message, /invalid_client/);
});

test("malformed claims do not delay the next refresh", async () => {
  const { clock, service, credential, get } = createWorld({ refresh_in: 1_800 });
  await get();
  await clock.advance(30 * MINUTE);
  assert.equal((await failureOf(credential.getToken(SCOPE, { claims: "no JSON" }))).name, "TypeError");
  await get();
  assert.equal(service.requests.length, 2);
});

test("logs a failed refresh and a later successful one", async () => {
  const events: string[] = [];
  const { clock, get } = createWorld(
    (_, index) =>
      index === 1 ? jsonAnswer({ error: "invalid_client" }, { status: 401 }) : tokenAnswer({ refresh_in: 1_800 }),
    { log: ({ event }: LogEvent) => void events.push(event) },
  );
  await get();
  await clock.advance(30 * MINUTE);
  await get();
  await clock.advance(30 * SECOND);
  await get();
  assert.equal(events.length, 3);
  assert.deepEqual([events[0], events[2]], ["token-acquired", "token-acquired"]);
  assert.match(events[1]!, /failed$/);
});

// Clock jumps

for (const jump of [6 * MINUTE, HOUR, 5 * HOUR, 24 * 365 * HOUR]) {
  test(`requests a new token, once, after the clock was set back by ${jump / MINUTE} minutes, because the cached one may have expired`, async () => {
    const { clock, service, get } = createWorld();
    assert.equal(await get(), "token-0");
    clock.set(clock.now() - jump);
    assert.equal(await get(), "token-1");
    assert.equal(await get(), "token-1");
    assert.equal(service.requests.length, 2);
  });
}

test("returns the cached token after the clock was corrected by a few minutes", async () => {
  const { clock, service, get } = createWorld();
  assert.equal(await get(), "token-0");
  for (const jump of [-4 * MINUTE, 2 * MINUTE, MINUTE, -SECOND]) {
    clock.set(clock.now() + jump);
    assert.equal(await get(), "token-0");
  }
  assert.equal(service.requests.length, 1);
});

for (const jump of [56 * MINUTE, HOUR, 5 * HOUR, 24 * 365 * HOUR]) {
  test(`requests a new token after the clock went forward by ${jump / MINUTE} minutes, as after a sleep`, async () => {
    const { clock, service, get } = createWorld();
    assert.equal(await get(), "token-0");
    clock.set(clock.now() + jump);
    assert.equal(await get(), "token-1");
    assert.equal(await get(), "token-1");
    assert.equal(service.requests.length, 2);
  });
}

test("does not use a cached token that was acquired in the future", async () => {
  const cache = new Map<string, TokenSet>();
  const { clock, service, get } = createWorld({}, { cache });
  await get();
  const [[key, value]] = [...cache] as [[string, TokenSet]];
  cache.set(key, { ...value, acquiredOnTimestamp: clock.now() + HOUR, expiresOnTimestamp: clock.now() + 9_000 * HOUR });
  assert.equal(await get(), "token-1");
  assert.equal(service.requests.length, 2);
});

for (const jump of [MINUTE, HOUR, 5 * HOUR]) {
  test(`does not cache a failure for longer because the clock was set back by ${jump / MINUTE} minutes`, async () => {
    const { clock, service, credential, get } = createWorld(
      (_, index) => index === 0 ? Promise.reject(new Error("No network today")) : tokenAnswer(),
      { retryOptions: { maxRetries: 0 } },
    );
    await failureOf(credential.getToken(SCOPE));
    clock.set(clock.now() - jump);
    assert.equal(await get(), "a-token");
    assert.equal(service.requests.length, 2);
  });

  test(`waits at most four minutes for a Retry-After of two if the clock was set back by ${jump / MINUTE} minutes`, async () => {
    const { clock, credential, get } = createWorld((_, index) =>
      index === 0 ? new Response("", { status: 429, headers: { "retry-after": "120" } }) : tokenAnswer()
    );
    await failureOf(credential.getToken(SCOPE));
    clock.set(clock.now() - jump);
    await clock.advance(4 * MINUTE);
    assert.equal(await get(), "a-token");
  });

  test(`refreshes again after a failed refresh if the clock was set back by ${jump / MINUTE} minutes`, async () => {
    const { clock, service, get } = createWorld(
      (_, index) =>
        index === 1 ? new Response("", { status: 500 }) : tokenAnswer({ expires_in: 36_000, refresh_in: 18_000 }),
      { retryOptions: { maxRetries: 0 } },
    );
    await get();
    await clock.advance(6 * HOUR);
    await get();
    assert.equal(service.requests.length, 2);
    clock.set(clock.now() - jump);
    await clock.advance(30 * SECOND);
    if (jump < HOUR) await get();
    else clock.set(START + 6 * HOUR + 30 * SECOND), await get();
    assert.equal(service.requests.length, 3);
  });
}

test("delays and deadlines do not depend on the wall clock", async () => {
  for (const jump of [-HOUR, HOUR]) {
    const { clock, service, credential } = createWorld((_, index) =>
      index === 0 ? new Response("", { status: 503, headers: { "retry-after": "10" } }) : tokenAnswer()
    );
    const token = credential.getToken(SCOPE);
    await clock.untilSleeping(59_999);
    clock.set(clock.now() + jump);
    await clock.advance(10 * SECOND);
    assert.equal((await token).token, "a-token");
    assert.equal(service.requests.length, 2);
  }
});

test("a clock without a valid time neither prolongs a token nor blocks a call", async () => {
  for (const wrong of [NaN, Infinity, -Infinity, -1, 0, 8.64e15]) {
    const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
    let now = wrong;
    const options = { ...isolatedOptions(service), runtime: { now: () => now } };
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
    await credential.getToken(SCOPE);
    await credential.getToken(SCOPE);
    // The expiry of a token cannot be compared with a time that is not finite.
    const requests = Number.isFinite(wrong) ? 1 : 2;
    assert.equal(service.requests.length, requests, String(wrong));
    now = START;
    assert.equal((await credential.getToken(SCOPE)).token, `token-${requests}`, String(wrong));
    assert.equal((await credential.getToken(SCOPE)).token, `token-${requests}`, String(wrong));
  }
});
