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

/** Creates a service that returns a new token for each request. */
function createCounter(): Service {
  return createService((_, index) => tokenAnswer({ access_token: `token-${index}` }));
}

function create(service: Pick<Service, "fetch">, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...isolatedOptions(service), ...options });
}

function times<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)));
}

test("1,000 concurrent calls of one credential share one request", async () => {
  const service = createCounter();
  const credential = create(service);
  const tokens = await times(1_000, () => credential.getToken(SCOPE));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(service.requests.length, 1);
});

test("1,000 equal credentials share one request", async () => {
  for (const options of [{}, { cache: new Map() }]) {
    const service = createCounter();
    const tokens = await times(1_000, () => create(service, options).getToken(SCOPE));
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
    assert.equal(service.requests.length, 1);
  }
});

test("1,000 concurrent calls of DefaultAzureCredential share one request to the simulated Entra", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret" };
  const credential = new DefaultAzureCredential({ ...isolatedOptions(entra), env });
  const tokens = await times(1_000, () => credential.getToken(SCOPE));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.equal(entra.requests.length, 1);
});

test("calls with the same scopes in another order share one request", async () => {
  const service = createCounter();
  const credential = create(service);
  await Promise.all([credential.getToken(["a", "b"]), credential.getToken(["b", "a"]), credential.getToken("a b")]);
  assert.equal(service.requests.length, 1);
});

test("calls that differ in scopes, tenantId or enableCae do not wait for one another", async () => {
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

test("only calls with the same claims share a request, and a token with claims replaces the cached one", async () => {
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

test("a call without claims that was in flight does not overwrite the cached token of a call with claims", async () => {
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

test("without waitUntil, an older call without claims does not overwrite the cached token of a call with claims", async () => {
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

test("a call with claims and cache: false does not prevent another credential from caching its token", async () => {
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

test("a call with claims replaces the cached token even if a call with another timeoutInMs was in flight", async () => {
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

test("a later call without claims can replace the cached token of a call with claims", async () => {
  const service = createService(({ form }, index) =>
    tokenAnswer({ access_token: `${form.claims ? "claims" : "plain"}-${index}`, expires_in: 2 })
  );
  const clock = createFakeClock();
  const credential = create(service, { runtime: clock });
  assert.equal((await credential.getToken(SCOPE, { claims: CLAIMS })).token, "claims-0");
  await clock.advance(1_500);
  assert.equal((await credential.getToken(SCOPE)).token, "plain-1");
});

test("a callback that rejects is called once for concurrent calls", async () => {
  let calls = 0;
  const credential = new ClientAssertionCredential(TENANT, CLIENT, () => {
    calls++;
    return Promise.reject(new Error("No assertion today"));
  }, isolatedOptions(createCounter()));
  const failures = await times(3, () => failureOf(credential.getToken(SCOPE)));
  assert.equal(new Set(failures.map(({ message }) => message)).size, 1);
  assert.equal(calls, 1);
});

test("a call that joins an earlier request waits no longer than its own timeoutInMs", async () => {
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
  test("on an edge isolate, callers of a request that never ends wait at most until its deadline", async () => {
    const clock = createFakeClock();
    let isFrozen = true;
    const runtime = {
      now: () => clock.now(),
      sleep: (ms: number, signal?: AbortSignal) => isFrozen ? new Promise<void>(() => {}) : clock.sleep(ms, signal),
    };
    const service = createService((_, index) => index === 0 ? new Promise(() => {}) : tokenAnswer());
    const credential = create(service, { runtime, timeoutInMs: 60_000 });
    // The request gets no response, and its timer never fires, as in a frozen isolate.
    credential.getToken(SCOPE);
    await service.untilRequested(1);
    isFrozen = false;
    await clock.advance(10_000);
    const joiner = failureOf(credential.getToken(SCOPE));
    await clock.untilSleeping(50_000);
    await clock.advance(50_000);
    assert.match((await joiner).message, /No response within the 60000 ms/);
    assert.equal((await credential.getToken(SCOPE)).token, "a-token");
  });
}

test("1,000 concurrent calls of a failing credential share one request and its error, which is not cached", async () => {
  const service = createService(() => jsonAnswer({ error: "invalid_client" }, { status: 401 }));
  const credential = create(service);
  const failures = await times(1_000, () => failureOf(credential.getToken(SCOPE)));
  assert.equal(new Set(failures.map(({ message }) => message)).size, 1);
  assert.equal(service.requests.length, 1);
  assert.equal(failures[0]!.message.split("ClientSecretCredential").length, 2);
  await failureOf(credential.getToken(SCOPE));
  assert.equal(service.requests.length, 2);
});

test("concurrent calls for many scopes each get the token for their scope", async () => {
  const service = createService(({ form }) => tokenAnswer({ access_token: form.scope }));
  const credential = create(service);
  const tokens = await times(1_000, (index) => credential.getToken(`scope-${index % 50}`));
  assert.ok(tokens.every(({ token }, index) => token === `scope-${index % 50}`));
  assert.equal(service.requests.length, 50);
});

test("calls join a request as long as it is in flight", async () => {
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

test("concurrent calls with an asynchronous cache make one request", async () => {
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

test("each credential has its own deadline, even if another credential started the request", async () => {
  let sleeps = 0;
  const sleeping: number[] = [];
  const service = createService(() => new Promise(() => {}));
  const runtime = {
    sleep(ms: number, signal?: AbortSignal) {
      sleeping.push(ms);
      sleeps++;
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
  assert.ok(sleeps >= 2);
});
