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

/** Answers each request with another token. */
function createCounter(members: Record<string, unknown> = {}): Service {
  return createService((_, index) => tokenAnswer({ access_token: `token-${index}`, ...members }));
}

function create(service: Service, options: CredentialOptions = {}, secret = "a-secret"): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, secret, { ...isolatedOptions(service), ...options });
}

/** Gets a token three times, and once more from an equal credential; returns how often the service was asked. */
async function askedBy(cache: TokenCache, options: CredentialOptions = {}) {
  const service = createCounter();
  const events: LogEvent[] = [];
  const all = { cache, log: (event: LogEvent) => void events.push(event), ...options };
  const credential = create(service, all);
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  assert.equal((await create(service, all).getToken(SCOPE)).token, "token-0");
  const failures = events.filter(({ event }) => event === "cache-failed").map(({ message }) => message);
  return { asked: service.requests.length, failures };
}

/** A cache whose methods return promises, as one behind a network does. */
function createAsyncCache(): TokenCache & { entries: Map<string, TokenSet> } {
  const entries = new Map<string, TokenSet>();
  return {
    entries,
    get: (key) => Promise.resolve(entries.get(key)),
    set: (key, value) => Promise.resolve(entries.set(key, value)),
    delete: (key) => Promise.resolve(entries.delete(key)),
  };
}

test("a Map is a cache", async () => {
  const cache = new Map<string, TokenSet>();
  assert.deepEqual(await askedBy(cache), { asked: 1, failures: [] });
  const [[key, value]] = [...cache] as [[string, TokenSet]];
  assert.equal(typeof key, "string");
  assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
  assert.equal(value.token, "token-0");
});

test("an asynchronous cache is one", async () => {
  const cache = createAsyncCache();
  assert.deepEqual(await askedBy(cache), { asked: 1, failures: [] });
  assert.equal(cache.entries.size, 1);
});

test("a token that another process has left in the cache is found", async () => {
  for (const cache of [new Map<string, TokenSet>(), createAsyncCache()]) {
    const service = createCounter();
    await create(service, { cache }).getToken(SCOPE);
    const entries = cache instanceof Map ? cache : cache.entries;
    // Another cache object with the same content: as after a restart.
    const restarted: TokenCache = cache instanceof Map
      ? new Map(JSON.parse(JSON.stringify([...entries])))
      : { ...createAsyncCache(), get: (key) => Promise.resolve(JSON.parse(JSON.stringify(entries.get(key)))) };
    assert.equal((await create(service, { cache: restarted }).getToken(SCOPE)).token, "token-0");
    assert.equal(service.requests.length, 1);
  }
});

test("an asynchronous cache is not asked again for what it has given or taken", async () => {
  let gets = 0;
  const inner = createAsyncCache();
  const cache: TokenCache = { ...inner, get: (key) => (gets++, inner.get(key)) };
  const service = createCounter();
  for (let i = 0; i < 5; i++) await create(service, { cache }).getToken(SCOPE);
  assert.equal(gets, 1);
});

test("what the owner of a synchronous cache deletes is gone", async () => {
  const cache = new Map<string, TokenSet>();
  const service = createCounter();
  const credential = create(service, { cache });
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-0");
  cache.clear();
  for (let i = 0; i < 3; i++) assert.equal((await credential.getToken(SCOPE)).token, "token-1");
  // What the owner puts in its place is there.
  const [[key, value]] = [...cache] as [[string, TokenSet]];
  cache.set(key, { ...value, token: "another" });
  assert.equal((await credential.getToken(SCOPE)).token, "another");
  // Also where the first call was one that does not look.
  const other = new Map<string, TokenSet>();
  const another = create(service, { cache: other });
  await another.getToken(SCOPE, { claims: "{}" });
  other.clear();
  assert.equal((await another.getToken(SCOPE)).token, "token-3");
});

test("no request of a Worker is handed another's promise", async () => {
  const credential = create(createCounter(), { cache: undefined });
  await credential.getToken(SCOPE);
  const [first, second] = [credential.getToken(SCOPE), credential.getToken(SCOPE)];
  assert.equal(await first, await second);
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") assert.notEqual(first, second);
});

test("one cache for two credentials: each finds its own", async () => {
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

test("cache: false remembers nothing, and shares nothing: each call makes its request", async () => {
  const service = createCounter();
  const credential = create(service, { cache: false });
  const tokens = await Promise.all(Array.from({ length: 5 }, () => credential.getToken(SCOPE)));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 5);
  await credential.getToken(SCOPE);
  assert.equal(service.requests.length, 6);
});

// Caches that fail

function boom(): never {
  throw new Error("boom");
}

function reject(): Promise<never> {
  return Promise.reject(new Error("boom"));
}

function none(): undefined {}

function noneYet(): Promise<undefined> {
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
  "get throws": () => ({ get: boom, set: none, delete: none }),
  "get rejects": () => ({ get: reject, set: none, delete: none }),
  "set throws": () => ({ get: none, set: boom, delete: none }),
  "set rejects": () => ({ get: none, set: reject, delete: none }),
  "get is empty and set rejects, both later": () => ({ get: noneYet, set: reject, delete: none }),
  "everything throws": () => ({ get: boom, set: boom, delete: boom }),
  "everything rejects": () => ({ get: reject, set: reject, delete: reject }),
  "it is full": () => {
    const cache = new Map<string, TokenSet>();
    cache.set = boom;
    return cache;
  },
  "its thenables throw": () => ({ get: () => ({ then: boom }) as never, set: () => ({ then: boom }), delete: none }),
};

for (const [name, cacheOf] of Object.entries(FAILING)) {
  test(`a cache of which ${name}: it works without it, and the log says so without what was thrown`, async () => {
    const { asked, failures } = await askedBy(cacheOf());
    await breathe();
    assert.equal(asked, 1);
    assert.ok(failures.length > 0);
    for (const message of failures) {
      assert.match(message, /^The cache failed to (get|set|return a valid token)\. The memory is used instead$/);
    }
  });
}

for (const [index, garbage] of GARBAGE.entries()) {
  test(`a cache that returns garbage (${index}), at once or later: it works without it`, async () => {
    assert.equal((await askedBy({ get: () => garbage as TokenSet, set: none, delete: none })).asked, 1);
    assert.equal(
      (await askedBy({ get: () => Promise.resolve(garbage as TokenSet), set: noneYet, delete: none })).asked,
      1,
    );
  });
}

test("a cache that forgets is asked, and so is the service", async () => {
  const service = createCounter();
  const credential = create(service, { cache: { get: none, set: none, delete: none } });
  await credential.getToken(SCOPE);
  assert.equal((await credential.getToken(SCOPE)).token, "token-1");
});

for (
  const [name, cache] of Object.entries({
    "get hangs": { get: () => new Promise<undefined>(() => {}), set: none, delete: none },
    "set hangs": { get: noneYet, set: () => new Promise(() => {}), delete: none },
    "everything hangs": { get: () => new Promise<undefined>(() => {}), set: () => new Promise(() => {}), delete: none },
  })
) {
  test(`a cache of which ${name} costs a second, once`, async () => {
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
    // Without waiting.
    assert.equal((await credential.getToken(SCOPE)).token, "token-0");
    assert.equal((await create(service, options).getToken(SCOPE)).token, "token-0");
    assert.equal(service.requests.length, 1);
    assert.deepEqual(clock.sleeping, []);
  });
}

test("a cache that hangs costs no second at each call while the token is due, and is asked again after half a minute", async () => {
  const clock = createFakeClock();
  const service = createService((_, index) => {
    if (index === 0) return tokenAnswer({ refresh_in: 60 });
    return new Response("", { status: 503, headers: { "retry-after": "600" } });
  });
  let asked = 0;
  const get = () => {
    asked++;
    return new Promise<undefined>(() => {});
  };
  const credential = create(service, { cache: { get, set: none, delete: none }, runtime: clock });
  const first = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await first;
  await clock.advance(60_000);
  const due = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await due;
  assert.equal(asked, 2);
  for (let i = 0; i < 5; i++) {
    await credential.getToken(SCOPE);
    await clock.advance(1_000);
  }
  assert.equal(asked, 2);
  await clock.advance(30_000);
  const again = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  await again;
  assert.equal(asked, 3);
});

test("a cache that did not respond is not written to for half a minute", async () => {
  const clock = createFakeClock();
  const written: string[] = [];
  let isHanging = true;
  const cache = {
    get: () => isHanging ? new Promise<undefined>(() => {}) : Promise.resolve(undefined),
    set: (_key: string, { token }: TokenSet) => Promise.resolve(void written.push(token)),
    delete: none,
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

test("one key that did not arrive in the cache keeps no other from being asked for there", async () => {
  const entries = new Map<string, TokenSet>();
  let refusing = false;
  const cache = {
    get: (key: string) => entries.get(key),
    set(key: string, token: TokenSet) {
      if (refusing) throw new Error("Full");
      entries.set(key, token);
    },
    delete: (key: string) => entries.delete(key),
  };
  const service = createCounter();
  const credential = create(service, { cache });
  await credential.getToken("a");
  refusing = true;
  await credential.getToken("b");
  entries.clear();
  await credential.getToken("a");
  assert.equal(service.requests.length, 3, "what its owner deletes is gone");
  await credential.getToken("b");
  assert.equal(service.requests.length, 3, "what never arrived is in memory");
});

test("a cache whose promise settles twice, or late, changes nothing", async () => {
  const clock = createFakeClock();
  const service = createCounter();
  let answer!: (token: TokenSet | undefined) => void;
  const late = new Promise<TokenSet | undefined>((resolve) => answer = resolve);
  const credential = create(service, { cache: { get: () => late, set: none, delete: none }, runtime: clock });
  const first = credential.getToken(SCOPE);
  await clock.untilSleeping(1_000);
  await clock.advance(1_000);
  assert.equal((await first).token, "token-0");
  answer({ token: "late", expiresOnTimestamp: clock.now() + 3_600_000, acquiredOnTimestamp: clock.now() });
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
});

// Who shares with whom

test("equal credentials share by default: one built anew for every request finds its token", async () => {
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

test("who differs in anything that makes a token another shares nothing, by default or in one cache", async () => {
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

test("a fetch handed in as one thing is not the same as handed in as another", async () => {
  // Whoever hands in a simulated cloud as `localFetch` means the real one for the rest: its token must not come from the simulation.
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

test("the parts of a proof do not run together", async () => {
  const service = createCounter();
  const all = isolatedOptions(service);
  const pairs = [["ab", "c"], ["a", "bc"], ['a","b', "c"], ["a", 'b","c'], ["[]", "[]"], ["a\\", "b"], ["a", "\\b"]];
  const tokens = [];
  for (const [app, secret] of pairs) {
    tokens.push((await new ClientSecretCredential(TENANT, app!, secret!, all).getToken(SCOPE)).token);
  }
  assert.equal(new Set(tokens).size, pairs.length);
});

test("scopes do not run together with one another or with the rest of the key", async () => {
  const service = createCounter();
  const credential = create(service);
  const lists = [["a", "b"], ["a"], ["b"], ["ab"], ["a,b"], ["true", "a"], ["false", "a"], ["a/b"]];
  const tokens = [];
  for (const scopes of lists) tokens.push((await credential.getToken(scopes)).token);
  tokens.push((await credential.getToken("a", { enableCae: true })).token);
  assert.equal(new Set(tokens).size, lists.length + 1);
});

test("two people never share, not even with the same name and password", async () => {
  for (const cache of [undefined, new Map<string, TokenSet>()]) {
    const service = createCounter();
    const all: CredentialOptions = { ...isolatedOptions(service), ...cache && { cache } };
    const people = Array.from(
      { length: 3 },
      () => new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", all),
    );
    const tokens = await Promise.all(people.map((person) => person.getToken(SCOPE)));
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 3);
    // Each remembers their own.
    for (const [i, person] of people.entries()) assert.equal((await person.getToken(SCOPE)).token, tokens[i]!.token);
    assert.equal(service.requests.length, 3);
  }
});

test("keys hold nothing secret, and no password's digest", async () => {
  const cache = new Map<string, TokenSet>();
  const service = createCounter();
  const all = { ...isolatedOptions(service), cache };
  await new ClientSecretCredential(TENANT, CLIENT, "a-secret", all).getToken(SCOPE);
  await new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", all).getToken(SCOPE);
  const keys = [...cache.keys()].join();
  assert.doesNotMatch(keys, /a-secret|a-password|token-/);
  // Another person with the same password has another key: nothing in it is made of the password.
  const again = new Map<string, TokenSet>();
  const jo = new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", { ...all, cache: again });
  await jo.getToken(SCOPE);
  assert.equal(cache.has([...again.keys()][0]!), false);
});

test("a token that was handed out cannot be changed in memory", async () => {
  const service = createCounter();
  const credential = create(service);
  const token = await credential.getToken(SCOPE) as { token: string };
  assert.throws(() => token.token = "evil", TypeError);
  assert.equal((await credential.getToken(SCOPE)).token, "token-0");
});

test("memory is bounded: what was not used for longest goes first", async () => {
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
