import {
  ClientAssertionCredential,
  ClientSecretCredential,
  type CredentialOptions,
  DefaultAzureCredential,
} from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  type Service,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

function createCounter(): Service {
  return createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
}

function create(service: Pick<Service, "fetch">, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...isolatedOptions(service), ...options });
}

function times<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)));
}

test("1,000 cold calls of one credential: one request", async () => {
  const service = createCounter();
  const credential = create(service);
  const tokens = await times(1_000, () => credential.getToken(SCOPE));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(service.requests.length, 1);
});

test("1,000 equal credentials: one request", async () => {
  for (const options of [{}, { cache: new Map() }]) {
    const service = createCounter();
    const tokens = await times(1_000, () => create(service, options).getToken(SCOPE));
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
    assert.equal(service.requests.length, 1);
  }
});

test("1,000 calls of DefaultAzureCredential, on the simulated Entra: one request", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret" };
  const credential = new DefaultAzureCredential({ ...isolatedOptions(entra), env });
  const tokens = await times(1_000, () => credential.getToken(SCOPE));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.equal(entra.requests.length, 1);
});

test("the same scopes in another order are the same request", async () => {
  const service = createCounter();
  const credential = create(service);
  await Promise.all([credential.getToken(["a", "b"]), credential.getToken(["b", "a"]), credential.getToken("a b")]);
  assert.equal(service.requests.length, 1);
});

test("different scopes, tenants and kinds do not wait for one another", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async ({ form }) => {
    if (form.scope === "slow") await held;
    return tokenAnswer({ access_token: form.scope });
  });
  const credential = create(service, { additionallyAllowedTenants: ["*"] });
  const slow = times(10, () => credential.getToken("slow"));
  await service.untilRequested(1);
  assert.equal((await credential.getToken("quick")).token, "quick");
  await credential.getToken("quick", { tenantId: "contoso.onmicrosoft.com" });
  await credential.getToken("quick", { enableCae: true });
  assert.equal(service.requests.length, 4);
  release();
  await slow;
  assert.equal(service.requests.length, 4);
});

test("calls with the same claims join one another, not those without or with other claims, and replace the entry", async () => {
  const service = createService(({ form }, index) =>
    tokenAnswer({ access_token: `${form.claims ?? "plain"}-${index}` })
  );
  const credential = create(service);
  const other = CLAIMS.replace("17", "18");
  const [plain, same, different] = await Promise.all([
    times(10, () => credential.getToken(SCOPE)),
    times(10, () => credential.getToken(SCOPE, { claims: CLAIMS })),
    times(10, () => credential.getToken(SCOPE, { claims: other })),
  ]);
  assert.equal(service.requests.length, 3);
  for (const [tokens, start] of [[plain, "plain"], [same, CLAIMS], [different, other]] as const) {
    assert.equal(new Set(tokens).size, 1);
    assert.ok(tokens[0]!.token.startsWith(start));
  }
  await credential.getToken(SCOPE, { claims: CLAIMS });
  assert.equal((await credential.getToken(SCOPE)).token, `${CLAIMS}-3`);
});

test("a plain call that was under way does not undo what a call with claims has replaced", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async ({ form }) => {
    if (!form.claims) await held;
    return tokenAnswer({ access_token: form.claims ? "new" : "old" });
  });
  const credential = create(service);
  const plain = credential.getToken(SCOPE);
  await service.untilRequested(1);
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "new");
  release();
  await plain;
  assert.equal((await credential.getToken(SCOPE)).token, "new");
});

test("without waitUntil, where no request is shared, an older plain call does not undo what a call with claims has replaced", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async ({ form }) => {
    if (!form.claims) await held;
    return tokenAnswer({ access_token: form.claims ? "new" : "old" });
  });
  const credential = create(service, { waitUntil: undefined });
  const plain = credential.getToken(SCOPE);
  await service.untilRequested(1);
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "new");
  release();
  assert.equal((await plain).token, "old");
  assert.equal((await credential.getToken(SCOPE)).token, "new");
});

test("a call with claims and without a cache keeps no other credential from caching its token", async () => {
  for (const [first, second] of [["claims", "plain"], ["plain", "claims"]]) {
    const releases: (() => void)[] = [];
    const service = createService(async ({ form }) => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return tokenAnswer({ access_token: form.claims ? "with claims" : "plain" });
    });
    const cached = create(service, { cache: new Map() });
    const start = (kind: string | undefined) =>
      kind === "plain" ? cached.getToken(SCOPE) : create(service, { cache: false }).getToken(SCOPE, { claims: CLAIMS });
    const calls = [start(first)];
    await service.untilRequested(1);
    calls.push(start(second));
    await service.untilRequested(2);
    const [endClaims, endPlain] = first === "claims" ? releases : releases.toReversed();
    endClaims!();
    await (first === "claims" ? calls[0] : calls[1]);
    endPlain!();
    await Promise.all(calls);
    assert.equal((await cached.getToken(SCOPE)).token, "plain");
    assert.equal(service.requests.length, 2);
  }
});

test("claims replace the entry though a plain call with another patience was under way", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async ({ form }) => {
    if (!form.claims) await held;
    return tokenAnswer({ access_token: form.claims ? "new" : "old" });
  });
  const plain = create(service, { timeoutInMs: 50_000 }).getToken(SCOPE);
  await service.untilRequested(1);
  const credential = create(service, { timeoutInMs: 40_000 });
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "new");
  release();
  assert.equal((await plain).token, "old");
  assert.equal((await credential.getToken(SCOPE)).token, "new");
});

test("a plain call after the claims call may replace what that one came to", async () => {
  const service = createService(({ form }, index) =>
    tokenAnswer({ access_token: `${form.claims ? "claims" : "plain"}-${index}`, expires_in: 2 })
  );
  const clock = createFakeClock();
  const credential = create(service, { runtime: clock });
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "claims-0");
  await clock.advance(1_500);
  assert.equal((await credential.getToken(SCOPE)).token, "plain-1");
});

test("a callback that throws is asked once for all who wait", async () => {
  let asked = 0;
  const credential = new ClientAssertionCredential(TENANT, CLIENT, () => {
    asked++;
    return Promise.reject(new Error("No assertion today"));
  }, isolatedOptions(createCounter()));
  const failures = await times(3, () => failureOf(credential.getToken(SCOPE)));
  assert.equal(new Set(failures.map(({ message }) => message)).size, 1);
  assert.equal(asked, 1);
});

test("who joins late waits no longer than for a request of their own", async () => {
  const clock = createFakeClock();
  const credential = create(createService(() => new Promise(() => {})), { runtime: clock, timeoutInMs: 60_000 });
  const first = failureOf(credential.getToken(SCOPE));
  await clock.untilSleeping(60_000);
  await clock.advance(30_000);
  const joiner = failureOf(credential.getToken(SCOPE));
  let settled = false;
  joiner.then(() => settled = true);
  for (let i = 0; i < 10; i++) await clock.advance(0);
  await clock.advance(30_000);
  assert.match((await first).message, /No response within the 60000 ms/);
  for (let i = 0; i < 10; i++) await clock.advance(0);
  await clock.advance(30_000);
  for (let i = 0; i < 10; i++) await clock.advance(0);
  assert.equal(settled, true);
});

if (detectPlatform() === "web") {
  test("on an edge isolate a request that dies takes nobody along for longer than its deadline", async () => {
    const clock = createFakeClock();
    let isDead = true;
    const runtime = {
      now: () => clock.now(),
      sleep: (ms: number, signal?: AbortSignal) => isDead ? new Promise<void>(() => {}) : clock.sleep(ms, signal),
    };
    const service = createService((_, index) => index === 0 ? new Promise(() => {}) : tokenAnswer());
    const credential = create(service, { runtime, timeoutInMs: 60_000 });
    // Neither its answer nor its deadline ever comes.
    credential.getToken(SCOPE);
    await service.untilRequested(1);
    isDead = false;
    await clock.advance(10_000);
    const joiner = failureOf(credential.getToken(SCOPE));
    await clock.untilSleeping(50_000);
    await clock.advance(50_000);
    assert.match((await joiner).message, /No response within the 60000 ms/);
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  });
}

test("1,000 callers of a failure: one request, the same reason for each, and nothing is remembered", async () => {
  const service = createService(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
  const credential = create(service);
  const failures = await times(1_000, () => failureOf(credential.getToken(SCOPE)));
  assert.equal(new Set(failures.map(({ message }) => message)).size, 1);
  assert.equal(service.requests.length, 1);
  assert.equal(failures[0]!.message.split("ClientSecretCredential").length, 2);
  await failureOf(credential.getToken(SCOPE));
  assert.equal(service.requests.length, 2);
});

test("callers of many keys at once all get their own", async () => {
  const service = createService(({ form }) => tokenAnswer({ access_token: form.scope }));
  const credential = create(service);
  const tokens = await times(1_000, (index) => credential.getToken(`scope-${index % 50}`));
  assert.ok(tokens.every(({ token }, index) => token === `scope-${index % 50}`));
  assert.equal(service.requests.length, 50);
});

test("callers who come while a request is under way join it, however late", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => release = resolve);
  const service = createService(async () => {
    await held;
    return tokenAnswer();
  });
  const early = create(service).getToken(SCOPE);
  await service.untilRequested(1);
  const late = times(100, () => create(service).getToken(SCOPE));
  release();
  const tokens = [await early, ...await late];
  assert.ok(tokens.every(({ token }) => token === "a-token"));
  assert.equal(service.requests.length, 1);
});

test("an asynchronous cache is asked by each, and the service once", async () => {
  const entries = new Map();
  const cache = {
    get: (key: string) => Promise.resolve(entries.get(key)),
    set: (key: string, value: unknown) => Promise.resolve(entries.set(key, value)),
    delete: (key: string) => Promise.resolve(entries.delete(key)),
  };
  const service = createCounter();
  await times(100, () => create(service, { cache }).getToken(SCOPE));
  assert.equal(service.requests.length, 1);
});

test("each credential keeps to its own deadline, whoever began the request", async () => {
  let asked = 0;
  const sleeping: number[] = [];
  const service = createService(() => new Promise(() => {}));
  const runtime = {
    sleep(ms: number, signal?: AbortSignal) {
      sleeping.push(ms);
      asked++;
      return new Promise<void>((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        if (ms <= 1_000) resolve();
      });
    },
  };
  const patient = create(service, { runtime, timeoutInMs: 60_000 }).getToken(SCOPE);
  patient.catch(() => {});
  await service.untilRequested(1);
  const impatient = failureOf(create(service, { runtime, timeoutInMs: 1_000 }).getToken(SCOPE));
  assert.match((await impatient).message, /No response within the 1000 ms/);
  assert.ok(asked >= 2);
});
