// Calls whose results depend on their order and times.
import {
  ChainedTokenCredential,
  ClientSecretCredential,
  type CredentialOptions,
  ManagedIdentityCredential,
  type TokenCache,
  type TokenSet,
} from "@azweb/identity";
import { createFakeClock, type FakeClock, StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { machineAnswer } from "../support/managed_identity/machine.ts";
import {
  breathe,
  CLIENT,
  createService,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  type Service,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";
import { asynchronous } from "../support/core/sharing.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
const START = Date.parse("2030-01-01T00:00:00Z");
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

function create(
  service: Pick<Service, "fetch">,
  clock: FakeClock,
  options: CredentialOptions = {},
): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", {
    ...isolatedOptions(service, clock),
    retryOptions: { maxRetries: 0 },
    ...options,
  });
}

describe("in the last minutes of a token", () => {
  /**
   * Creates a credential with a cached token that expires in three minutes, and a service with the given response to
   * later requests.
   */
  async function createLastMinutes(respond: () => unknown) {
    const clock = createFakeClock(START);
    const service = createService((_, index) => index === 0 ? tokenAnswer() : respond());
    const credential = create(service, clock);
    await credential.getToken(SCOPE);
    await clock.advance(57 * MINUTE);
    return { clock, service, credential };
  }

  test("a rejection by the service rejects the first call and the second", async () => {
    const { credential, service } = await createLastMinutes(() =>
      jsonAnswer({ error: "invalid_client" }, { status: 401 })
    );
    for (const requests of [2, 3]) {
      await assert.rejects(credential.getToken(SCOPE), { name: "AuthenticationError", statusCode: 401 });
      assert.equal(service.requests.length, requests);
    }
  });

  for (
    const [what, answer] of [
      ["throttled", () => new Response("", { status: 429, headers: { "retry-after": "120" } })],
      ["failing", () => new Response("", { status: 503 })],
      ["unreachable", () => Promise.reject(new TypeError("fetch failed"))],
    ] as const
  ) {
    test(`calls return the cached token if the service is ${what}, and make one request`, async () => {
      const { clock, credential, service } = await createLastMinutes(answer);
      for (let call = 0; call < 2; call++) {
        assert.equal((await credential.getToken(SCOPE)).token, "a-token");
        assert.equal(service.requests.length, 2);
        await clock.advance(SECOND);
      }
    });
  }

  test("no request is sent to a throttling service before its Retry-After, even after the token has expired", async () => {
    const { clock, credential, service } = await createLastMinutes(() =>
      new Response("", { status: 429, headers: { "retry-after": "600" } })
    );
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    await clock.advance(3 * MINUTE);
    await assert.rejects(credential.getToken(SCOPE), { name: "AuthenticationError", statusCode: 429 });
    assert.equal(service.requests.length, 2);
  });

  test("no cached token is returned during an outage after the clock was set back", async () => {
    const { clock, credential } = await createLastMinutes(() => new Response("", { status: 503 }));
    clock.set(START - 60 * MINUTE);
    await assert.rejects(credential.getToken(SCOPE), { name: "AuthenticationError", statusCode: 503 });
  });

  test("an unreachable service is requested again after half a minute", async () => {
    const { clock, credential, service } = await createLastMinutes(() => Promise.reject(new TypeError("fetch failed")));
    await credential.getToken(SCOPE);
    await clock.advance(30 * SECOND);
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
    assert.equal(service.requests.length, 3);
  });
});

test("a successful request ends the backoff after a failure, so that the next refresh is not late", async () => {
  const clock = createFakeClock(START);
  const service = createService((_, index) =>
    index === 1 ? new Response("", { status: 503 }) : tokenAnswer({ access_token: `token-${index}`, refresh_in: 10 })
  );
  const credential = create(service, clock);
  await credential.getToken(SCOPE);
  await clock.advance(10 * SECOND);
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  await service.untilRequested(2);
  await clock.advance(SECOND);
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "token-2");
  await clock.advance(10 * SECOND);
  assert.equal((await credential.getToken(SCOPE)).token, "token-2");
  await service.untilRequested(4);
});

test("a service with a Retry-After of a day is requested again after an hour", async () => {
  const clock = createFakeClock(START);
  const service = createService((_, index) =>
    index === 0 ? new Response("", { status: 429, headers: { "retry-after": "86400" } }) : tokenAnswer()
  );
  const credential = create(service, clock);
  for (const wait of [60 * MINUTE - 1, 1]) {
    await assert.rejects(credential.getToken(SCOPE), { statusCode: 429 });
    await clock.advance(wait);
  }
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  assert.equal(service.requests.length, 2);
});

describe("a claims challenge while other requests are in flight", () => {
  const OTHER_CLAIMS = CLAIMS.replace("17", "18");

  /** Creates a credential, and a service that responds to a request when its function in `answers` is called. */
  function createHeld() {
    const answers: (() => void)[] = [];
    const service = createService(async ({ form }, index) => {
      await new Promise<void>((resolve) => answers[index] = resolve);
      return tokenAnswer({ access_token: `${form.claims ? "claims" : "plain"} ${index}` });
    });
    return { answers, service, credential: create(service, createFakeClock(START)) };
  }

  test("a request of another scope is cached", async () => {
    const { answers, credential, service } = createHeld();
    const other = credential.getToken("another-scope");
    await service.untilRequested(1);
    const replaced = credential.getToken(SCOPE, { claims: CLAIMS });
    await service.untilRequested(2);
    answers[1]!();
    await replaced;
    answers[0]!();
    await other;
    assert.equal((await credential.getToken("another-scope")).token, "plain 0");
  });

  test("the token of a later request replaces the entry", async () => {
    const { answers, credential, service } = createHeld();
    const replaced = credential.getToken(SCOPE, { claims: CLAIMS });
    await service.untilRequested(1);
    const later = credential.getToken(SCOPE);
    await service.untilRequested(2);
    answers[0]!();
    await replaced;
    answers[1]!();
    await later;
    assert.equal((await credential.getToken(SCOPE)).token, "plain 1");
  });

  test("an earlier request returns its token to its own callers only", async () => {
    const { answers, credential, service } = createHeld();
    const earlier = credential.getToken(SCOPE, { claims: OTHER_CLAIMS });
    await service.untilRequested(1);
    const replaced = credential.getToken(SCOPE, { claims: CLAIMS });
    await service.untilRequested(2);
    answers[1]!();
    await replaced;
    const later = credential.getToken(SCOPE, { claims: OTHER_CLAIMS });
    await service.untilRequested(3);
    answers[0]!();
    assert.equal((await earlier).token, "claims 0");
    assert.equal((await credential.getToken(SCOPE)).token, "claims 1");
    // The later request is still in flight after the earlier one has ended.
    const joined = credential.getToken(SCOPE, { claims: OTHER_CLAIMS });
    for (let turns = 0; turns < 3; turns++) await breathe();
    answers[2]!();
    assert.equal((await later).token, "claims 2");
    assert.equal(service.requests.length, 3);
    assert.equal(await joined, await later);
    assert.equal((await credential.getToken(SCOPE)).token, "claims 2");
  });
});

test("a slow cache that resolves after a claims challenge replaced the entry does not restore the old token", async () => {
  const clock = createFakeClock(START);
  const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
  const entries = new Map<string, TokenSet>();
  // Another process has cached a token.
  await create(service, clock, { fetch: service.fetch, cache: asynchronous(entries) }).getToken(SCOPE);
  const old = [...entries.values()][0]!;
  await clock.advance(SECOND);
  let answer!: () => void;
  const held = new Promise<TokenSet>((resolve) => answer = () => resolve(old));
  let looked = 0;
  const cache: TokenCache = {
    ...asynchronous(entries),
    get: (key) => looked++ === 0 ? held : Promise.resolve(entries.get(key)),
  };
  const credential = create(service, clock, { cache });
  const plain = credential.getToken(SCOPE);
  while (looked === 0) await breathe();
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "token-1");
  answer();
  assert.equal((await plain).token, "token-1");
  assert.equal((await credential.getToken(SCOPE)).token, "token-1");
  assert.equal(service.requests.length, 2);
});

test("a cache that is paused after a failure is used again if the clock is set back", async () => {
  const clock = createFakeClock(START);
  const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
  const entries = new Map<string, TokenSet>();
  let looked = 0;
  const cache: TokenCache = {
    ...asynchronous(entries),
    get: (key) => looked++ === 0 ? new Promise(() => {}) : Promise.resolve(entries.get(key)),
  };
  const credential = create(service, clock, { cache });
  const first = credential.getToken(SCOPE);
  await clock.untilSleeping(SECOND);
  await clock.advance(SECOND);
  assert.equal((await first).token, "token-0");
  await credential.getToken("another-scope");
  assert.equal(looked, 1, "the cache is paused");
  // Otherwise the pause of half a minute would last for a day.
  clock.set(START - DAY);
  await credential.getToken("a-third-scope");
  assert.equal(looked, 2);
});

describe("a chain and a direct call at the same time, without a response to the probe", () => {
  for (const first of ["the chain", "the call"]) {
    test(`${first} first: the chain continues, and the direct call waits for the managed identity`, async () => {
      const clock = createFakeClock();
      let answer!: () => void;
      const held = new Promise<void>((resolve) => answer = resolve);
      const service = createService(async ({ headers }) => {
        if (!headers.has("metadata")) return await new Promise(() => {});
        await held;
        return machineAnswer({ access_token: "of the machine" });
      });
      const options = isolatedOptions(service, clock);
      const other = new StaticCredential("of another");
      const chain = new ChainedTokenCredential(new ManagedIdentityCredential(options), other);
      const asks = {
        "the chain": () => chain.getToken(SCOPE),
        "the call": () => new ManagedIdentityCredential(options).getToken(SCOPE),
      };
      const asked: Partial<Record<string, Promise<{ token: string } | null>>> = {};
      for (const name of first === "the chain" ? ["the chain", "the call"] : ["the call", "the chain"]) {
        asked[name] = asks[name as keyof typeof asks]();
        await service.untilRequested(Object.keys(asked).length);
      }
      await clock.untilSleeping(SECOND);
      await clock.advance(SECOND);
      assert.equal((await asked["the chain"])?.token, "of another");
      answer();
      assert.equal((await asked["the call"])?.token, "of the machine");
    });
  }
});
