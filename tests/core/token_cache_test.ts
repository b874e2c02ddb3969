import {
  ClientAssertionCredential,
  ClientSecretCredential,
  type CredentialOptions,
  type LogEvent,
  type TokenCache,
  type TokenSet,
  UsernamePasswordCredential,
} from "@azweb/identity";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  breathe,
  CLIENT,
  createService,
  isolatedOptions,
  SCOPE,
  type Service,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

/** Creates a service that returns a new token for each request. */
function createCounter(members: Record<string, unknown> = {}): Service {
  return createService((_, index) => tokenAnswer({ access_token: `token-${index}`, ...members }));
}

function create(service: Service, options: CredentialOptions = {}, secret = "a-secret"): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, secret, { ...isolatedOptions(service), ...options });
}

/**
 * Gets a token three times, and once more from an equal credential. Returns the number of requests and the logged cache
 * failures.
 */
async function useCache(cache: TokenCache, options: CredentialOptions = {}) {
  const service = createCounter();
  const events: LogEvent[] = [];
  const all = { cache, log: (event: LogEvent) => void events.push(event), ...options };
  const credential = create(service, all);
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  assert.equal((await create(service, all).getToken(SCOPE)).token, "token-0");
  const failures = events.filter(({ event }) => event === "cache-failed").map(({ message }) => message);
  return { asked: service.requests.length, failures };
}

/** Creates a cache whose methods return promises, like a cache behind a network. */
function createAsyncCache(): TokenCache & { entries: Map<string, TokenSet> } {
  const entries = new Map<string, TokenSet>();
  return {
    entries,
    get: (key) => Promise.resolve(entries.get(key)),
    set: (key, value) => Promise.resolve(entries.set(key, value)),
    delete: (key) => Promise.resolve(entries.delete(key)),
  };
}

test("accepts a Map as cache", async () => {
  const cache = new Map<string, TokenSet>();
  assert.deepEqual(await useCache(cache), { asked: 1, failures: [] });
  const [[key, value]] = [...cache] as [[string, TokenSet]];
  assert.equal(typeof key, "string");
  assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
  assert.equal(value.token, "token-0");
});

test("accepts an asynchronous cache", async () => {
  const cache = createAsyncCache();
  assert.deepEqual(await useCache(cache), { asked: 1, failures: [] });
  assert.equal(cache.entries.size, 1);
});

test("returns a token that another process has cached", async () => {
  for (const cache of [new Map<string, TokenSet>(), createAsyncCache()]) {
    const service = createCounter();
    await create(service, { cache }).getToken(SCOPE);
    const entries = cache instanceof Map ? cache : cache.entries;
    // Another cache object with the same content, as after a restart.
    const restarted: TokenCache = cache instanceof Map
      ? new Map(JSON.parse(JSON.stringify([...entries])))
      : { ...createAsyncCache(), get: (key) => Promise.resolve(JSON.parse(JSON.stringify(entries.get(key)))) };
    assert.equal((await create(service, { cache: restarted }).getToken(SCOPE)).token, "token-0");
    assert.equal(service.requests.length, 1);
  }
});

test("does not call an asynchronous cache again for an entry that it has returned or stored", async () => {
  let gets = 0;
  const inner = createAsyncCache();
  const cache: TokenCache = { ...inner, get: (key) => (gets++, inner.get(key)) };
  const service = createCounter();
  for (let i = 0; i < 5; i++) await create(service, { cache }).getToken(SCOPE);
  assert.equal(gets, 1);
});

test("requests a new token after the app deleted the entry of a synchronous cache", async () => {
  const cache = new Map<string, TokenSet>();
  const service = createCounter();
  const credential = create(service, { cache });
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  cache.clear();
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-1");
  // An entry that the app sets instead is used.
  const [[key, value]] = [...cache] as [[string, TokenSet]];
  cache.set(key, { ...value, token: "another" });
  assert.equal((await credential.getToken(SCOPE)).token, "another");
  // A deleted entry is not used either if the first call did not look up the cache, because it had claims.
  const other = new Map<string, TokenSet>();
  const another = create(service, { cache: other });
  await another.getToken(SCOPE, { claims: "{}" });
  other.clear();
  assert.equal((await another.getToken(SCOPE)).token, "token-3");
});

test("does not share promises between the requests of a Worker", async () => {
  const credential = create(createCounter(), { cache: undefined });
  await credential.getToken(SCOPE);
  const [first, second] = [credential.getToken(SCOPE), credential.getToken(SCOPE)];
  assert.equal(await first, await second);
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") assert.notEqual(first, second);
});

test("two different credentials with one cache each get their own token", async () => {
  const cache = new Map<string, TokenSet>();
  const service = createCounter();
  const [a, b] = [
    create(service, { cache }),
    new ClientSecretCredential(TENANT, "another-app", "a-secret", { ...isolatedOptions(service), cache }),
  ];
  for (let i = 0; i < 2; i++) {
    assert.equal((await a.getToken(SCOPE)).token, "token-0");
    assert.equal((await b.getToken(SCOPE)).token, "token-1");
  }
  assert.equal(cache.size, 2);
});

test("cache: false caches and shares nothing, so that each call makes a request", async () => {
  const service = createCounter();
  const credential = create(service, { cache: false });
  const tokens = await Promise.all(Array.from({ length: 5 }, () => credential.getToken(SCOPE)));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 5);
  await credential.getToken(SCOPE);
  assert.equal(service.requests.length, 6);
});

// Caches that fail

function throwError(): never {
  throw new Error("boom");
}

function reject(): Promise<never> {
  return Promise.reject(new Error("boom"));
}

function doNothing(): undefined {}

function doNothingAsync(): Promise<undefined> {
  return Promise.resolve(undefined);
}

const GARBAGE: readonly unknown[] = [
  0,
  7,
  "",
  "token",
  true,
  {},
  [],
  { token: "x" },
  { token: "", expiresOnTimestamp: 9e15, acquiredOnTimestamp: 0 },
  { token: 7, expiresOnTimestamp: 9e15, acquiredOnTimestamp: 0 },
  { token: "evil", expiresOnTimestamp: "9e15", acquiredOnTimestamp: 0 },
  { token: "evil", expiresOnTimestamp: NaN, acquiredOnTimestamp: 0 },
  { token: "evil", expiresOnTimestamp: Infinity, acquiredOnTimestamp: 0 },
  { token: "evil", expiresOnTimestamp: 9e15 },
  { token: "evil", expiresOnTimestamp: 9e15, acquiredOnTimestamp: null },
  { token: "evil", expiresOnTimestamp: 9e15, acquiredOnTimestamp: 0, refreshAfterTimestamp: "x" },
  JSON.stringify({ token: "evil", expiresOnTimestamp: 9e15, acquiredOnTimestamp: 0 }),
  new Response("x"),
  () => {},
  {
    get token() {
      throw new Error("boom");
    },
  },
];

const FAILING: Readonly<Record<string, () => TokenCache>> = {
  "get throws": () => ({ get: throwError, set: doNothing, delete: doNothing }),
  "get rejects": () => ({ get: reject, set: doNothing, delete: doNothing }),
  "set throws": () => ({ get: doNothing, set: throwError, delete: doNothing }),
  "set rejects": () => ({ get: doNothing, set: reject, delete: doNothing }),
  "get resolves with undefined and set rejects": () => ({ get: doNothingAsync, set: reject, delete: doNothing }),
  "everything throws": () => ({ get: throwError, set: throwError, delete: throwError }),
  "everything rejects": () => ({ get: reject, set: reject, delete: reject }),
  "the cache is full": () => {
    const cache = new Map<string, TokenSet>();
    cache.set = throwError;
    return cache;
  },
  "its promises throw": () => ({
    get: () => ({ then: throwError }) as never,
    set: () => ({ then: throwError }),
    delete: doNothing,
  }),
};

for (const [name, cacheOf] of Object.entries(FAILING)) {
  test(`caches in memory if ${name}, and logs the failure with its reason`, async () => {
    const { asked, failures } = await useCache(cacheOf());
    await breathe();
    assert.equal(asked, 1);
    assert.ok(failures.length > 0);
    for (const message of failures) {
      assert.match(message, /^The cache failed to (get|set): boom\. The memory is used instead$/);
    }
  });
}

test("the logged reason of a cache failure is one short line, in which whatever looks like a secret is redacted", async () => {
  const thrown: [unknown, RegExp][] = [
    [new Error("redis down."), /get: redis down\. The/],
    ["redis down", /get: redis down\. The/],
    [new Error(`two\nlines ${"and more ".repeat(9999)}`), /get: two lines [and more]{380,395}…\. The/],
    [new Error("connect to rediss://me:CANARY@cache:6380/0"), /rediss:\/\/\[redacted\]@cache:6380\/0\. The/],
    [new Error('rejected {"token":"CANARY"} password=CANARY eyJCANARY.e30.x'), /rejected .*\[redacted\]\. The/],
    [new Error('rejected {"SecretString":"CANARY"} passphrase=CANARY, pwd: CANARY'), /rejected .*\[redacted\]\. The/],
    [new Error("rejected CAN8Q~CANARY.abcdefghijklmno.pqrstuvwxyz"), /get: rejected \[redacted\]\. The/],
    [undefined, /failed to get\. The/],
    [{ message: 7 }, /failed to get\. The/],
  ];
  for (const [error, expected] of thrown) {
    const { failures } = await useCache({ get: () => Promise.reject(error), set: doNothing, delete: doNothing });
    assert.match(failures[0]!, expected);
    assert.doesNotMatch(failures[0]!, /CANARY/);
  }
});

for (const type of ["synchronous", "asynchronous"]) {
  test(`waitUntil receives work that ends after the token is in an ${type} cache`, async () => {
    const cache = new Map<string, TokenSet>();
    let isSaved = false;
    const save = async (key: string, token: TokenSet) => {
      for (let i = 0; i < 5; i++) await breathe();
      cache.set(key, token);
      isSaved = true;
    };
    const set = type === "synchronous"
      ? (key: string, token: TokenSet) => void (isSaved = cache.set(key, token).size > 0)
      : save;
    const works: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => void works.push(work);
    await create(createCounter(), { cache: { get: doNothing, set, delete: doNothing }, waitUntil }).getToken(SCOPE);
    await Promise.all(works);
    assert.ok(isSaved);
  });
}

for (const [index, garbage] of GARBAGE.entries()) {
  test(`caches in memory if the cache returns or resolves with the invalid value number ${index}`, async () => {
    assert.equal((await useCache({ get: () => garbage as TokenSet, set: doNothing, delete: doNothing })).asked, 1);
    assert.equal(
      (await useCache({ get: () => Promise.resolve(garbage as TokenSet), set: doNothingAsync, delete: doNothing }))
        .asked,
      1,
    );
  });
}

test("requests a new token if the cache does not store entries", async () => {
  const service = createCounter();
  const credential = create(service, { cache: { get: doNothing, set: doNothing, delete: doNothing } });
  await credential.getToken(SCOPE);
  assert.equal((await credential.getToken(SCOPE)).token, "token-1");
});

for (
  const [name, cache] of Object.entries({
    "get hangs": { get: () => new Promise<undefined>(() => {}), set: doNothing, delete: doNothing },
    "get resolves with an object that hangs": {
      get: () => ({ then: (resolve: (value: unknown) => void) => resolve({ then: doNothing }) }) as never,
      set: doNothing,
      delete: doNothing,
    },
    "set hangs": { get: doNothingAsync, set: () => new Promise(() => {}), delete: doNothing },
    "everything hangs": {
      get: () => new Promise<undefined>(() => {}),
      set: () => new Promise(() => {}),
      delete: doNothing,
    },
  })
) {
  test(`waits for the cache one second, once, if ${name}`, async () => {
    const clock = createFakeClock();
    const service = createCounter();
    const events: string[] = [];
    const options = { cache, runtime: clock, log: ({ event }: LogEvent) => void events.push(event) };
    const credential = create(service, options);
    const first = credential.getToken(SCOPE);
    if (name !== "set hangs") {
      assert.equal(await clock.untilSleeping(1_000), 1_000);
      assert.equal(service.requests.length, 0);
      await clock.advance(1_000);
    }
    assert.equal((await first).token, "token-0");
    await clock.advance(1_000);
    assert.ok(events.includes("cache-failed"));
    // Later calls do not wait.
    assert.equal((await credential.getToken(SCOPE)).token, "token-0");
    assert.equal((await create(service, options).getToken(SCOPE)).token, "token-0");
    assert.equal(service.requests.length, 1);
    assert.deepEqual(clock.sleeping, []);
  });
}

test("while a refresh is due, a cache that hangs is called at most once in half a minute", async () => {
  const clock = createFakeClock();
  const service = createService((_, index) => {
    if (index === 0) return tokenAnswer({ refresh_in: 60 });
    return new Response("", { status: 503, headers: { "retry-after": "600" } });
  });
  let calls = 0;
  const get = () => {
    calls++;
    return new Promise<undefined>(() => {});
  };
  const credential = create(service, { cache: { get, set: doNothing, delete: doNothing }, runtime: clock });
  const first = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await first;
  await clock.advance(60_000);
  const due = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await due;
  assert.equal(calls, 2);
  for (let i = 0; i < 5; i++) {
    await credential.getToken(SCOPE);
    await clock.advance(1_000);
  }
  assert.equal(calls, 2);
  await clock.advance(30_000);
  const again = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await again;
  assert.equal(calls, 3);
});

test("does not write for half a minute to a cache that did not respond", async () => {
  const clock = createFakeClock();
  const written: string[] = [];
  let isHanging = true;
  const cache = {
    get: () => isHanging ? new Promise<undefined>(() => {}) : Promise.resolve(undefined),
    set: (_key: string, { token }: TokenSet) => Promise.resolve(void written.push(token)),
    delete: doNothing,
  };
  const credential = create(createCounter(), { cache, runtime: clock });
  const first = credential.getToken("a");
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  assert.equal((await first).token, "token-0");
  isHanging = false;
  assert.equal((await credential.getToken("b")).token, "token-1");
  assert.deepEqual(written, []);
  await clock.advance(30_000);
  assert.equal((await credential.getToken("c")).token, "token-2");
  assert.deepEqual(written, ["token-2"]);
});

test("reads other keys from the cache after writing one key has failed", async () => {
  const entries = new Map<string, TokenSet>();
  let isFull = false;
  const cache = {
    get: (key: string) => entries.get(key),
    set(key: string, token: TokenSet) {
      if (isFull) throw new Error("Full");
      entries.set(key, token);
    },
    delete: (key: string) => entries.delete(key),
  };
  const service = createCounter();
  const credential = create(service, { cache });
  await credential.getToken("a");
  isFull = true;
  await credential.getToken("b");
  entries.clear();
  await credential.getToken("a");
  assert.equal(service.requests.length, 3, "a deleted entry is not used");
  await credential.getToken("b");
  assert.equal(service.requests.length, 3, "an entry that was not written is in memory");
});

test("ignores the token of a cache that responds after more than a second", async () => {
  const clock = createFakeClock();
  const service = createCounter();
  let resolveLate!: (token: TokenSet | undefined) => void;
  const late = new Promise<TokenSet | undefined>((resolve) => resolveLate = resolve);
  const credential = create(service, { cache: { get: () => late, set: doNothing, delete: doNothing }, runtime: clock });
  const first = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  assert.equal((await first).token, "token-0");
  resolveLate({ token: "late", expiresOnTimestamp: clock.now() + 3_600_000, acquiredOnTimestamp: clock.now() });
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
});

// Which credentials share tokens

test("equal credentials share the default cache, so that a credential can be created for each request", async () => {
  const service = createCounter();
  for (let i = 0; i < 10; i++) assert.equal((await create(service).getToken(SCOPE)).token, "token-0");
  assert.equal(
    (await new ClientSecretCredential(TENANT.toUpperCase(), CLIENT, "a-secret", isolatedOptions(service)).getToken(
      SCOPE,
    )).token,
    "token-0",
  );
  assert.equal(service.requests.length, 1);
});

const authorityHost = "https://login.microsoftonline.us";

test("credentials that differ in anything that affects the token share nothing, in the default cache or a given one", async () => {
  for (const cache of [undefined, new Map<string, TokenSet>()]) {
    const service = createCounter();
    const all: CredentialOptions = { ...isolatedOptions(service), ...cache && { cache } };
    const other = createCounter();
    const clock = createFakeClock();
    const assertion = () => Promise.resolve("a.b.c");
    const credentials = [
      create(service, all),
      create(service, all, "another-secret"),
      create(service, all, "a-secret "),
      new ClientSecretCredential(TENANT, "another-app", "a-secret", all),
      new ClientSecretCredential("contoso.onmicrosoft.com", CLIENT, "a-secret", all),
      create(service, { ...all, authorityHost }),
      create(service, { ...all, env: { AZURE_AUTHORITY_HOST: AUTHORITY_CHINA } }),
      create(service, { ...all, runtime: clock }),
      create(service, { ...all, localFetch: other.fetch }),
      create(service, { ...all, fetch: (...args) => service.fetch(...args) }),
      new ClientAssertionCredential(TENANT, CLIENT, assertion, all),
      new ClientAssertionCredential(TENANT, CLIENT, () => assertion(), all),
      new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-secret", all),
    ];
    const tokens: string[] = [];
    for (const credential of credentials) tokens.push((await credential.getToken(SCOPE)).token);
    for (const credential of credentials) tokens.push((await credential.getToken(SCOPE)).token);
    assert.equal(new Set(tokens).size, credentials.length, String(tokens));
  }
});

const AUTHORITY_CHINA = "https://login.chinacloudapi.cn";

test("credentials with the same function as fetch and as localFetch do not share tokens", async () => {
  // A program with a simulated cloud as `localFetch` uses the real cloud for other requests, and must not get a token
  // of the simulation.
  const simulated = createCounter();
  const real = createService(() => tokenAnswer({ access_token: "real" }));
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", { fetch: simulated.fetch, env: {} }).getToken(SCOPE);
  const globalFetch = globalThis.fetch;
  globalThis.fetch = real.fetch;
  try {
    const options = { localFetch: simulated.fetch, env: {} };
    const { token } = await new ClientSecretCredential(TENANT, CLIENT, "a-secret", options).getToken(SCOPE);
    assert.equal(token, "real");
  } finally {
    globalThis.fetch = globalFetch;
  }
});

test("different client ids and secrets with the same concatenation have different cache keys", async () => {
  const service = createCounter();
  const all = isolatedOptions(service);
  const pairs = [["ab", "c"], ["a", "bc"], ['a","b', "c"], ["a", 'b","c'], ["[]", "[]"], ["a\\", "b"], ["a", "\\b"]];
  const tokens = [];
  for (const [app, secret] of pairs) {
    tokens.push((await new ClientSecretCredential(TENANT, app!, secret!, all).getToken(SCOPE)).token);
  }
  assert.equal(new Set(tokens).size, pairs.length);
});

test("different scopes with the same concatenation have different cache keys", async () => {
  const service = createCounter();
  const credential = create(service);
  const lists = [["a", "b"], ["a"], ["b"], ["ab"], ["a,b"], ["true", "a"], ["false", "a"], ["a/b"]];
  const tokens = [];
  for (const scopes of lists) tokens.push((await credential.getToken(scopes)).token);
  tokens.push((await credential.getToken("a", { enableCae: true })).token);
  assert.equal(new Set(tokens).size, lists.length + 1);
});

test("credentials of users share nothing, even with the same user name and password", async () => {
  for (const cache of [undefined, new Map<string, TokenSet>()]) {
    const service = createCounter();
    const all: CredentialOptions = { ...isolatedOptions(service), ...cache && { cache } };
    const credentials = Array.from(
      { length: 3 },
      () => new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", all),
    );
    const tokens = await Promise.all(credentials.map((credential) => credential.getToken(SCOPE)));
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 3);
    // Each credential has its own cached token.
    for (const [i, credential] of credentials.entries()) {
      assert.equal((await credential.getToken(SCOPE)).token, tokens[i]!.token);
    }
    assert.equal(service.requests.length, 3);
  }
});

test("cache keys contain no secret, and no digest of a password", async () => {
  const cache = new Map<string, TokenSet>();
  const service = createCounter();
  const all = { ...isolatedOptions(service), cache };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", all).getToken(SCOPE);
  await new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", all).getToken(SCOPE);
  const keys = [...cache.keys()].join();
  assert.doesNotMatch(keys, /a-secret|a-password|token-/);
  // Another credential with the same password has another key, so that no key is a digest of the password.
  const again = new Map<string, TokenSet>();
  const jo = new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", { ...all, cache: again });
  await jo.getToken(SCOPE);
  assert.equal(cache.has([...again.keys()][0]!), false);
});

test("a returned token cannot be modified in the cache", async () => {
  const service = createCounter();
  const credential = create(service);
  const token = await credential.getToken(SCOPE) as { token: string };
  assert.throws(() => token.token = "evil", TypeError);
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
});

test("the cache in memory has a maximum size and evicts the least recently used entry", async () => {
  const service = createCounter();
  const credential = create(service);
  await credential.getToken("first");
  for (let i = 0; i < 1_100; i++) {
    await credential.getToken(`scope-${i}`);
    if (i % 100 === 0) await credential.getToken("first");
  }
  assert.equal(service.requests.length, 1_101);
  await credential.getToken("first");
  assert.equal(service.requests.length, 1_101);
  await credential.getToken("scope-0");
  assert.equal(service.requests.length, 1_102);
});
