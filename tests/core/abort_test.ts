import {
  type AbortSignalLike,
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  type CredentialOptions,
  getBearerTokenProvider,
  type LogEvent,
} from "@azweb/identity";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import {
  type Asked,
  breathe,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  SCOPE,
  type Service,
  silence,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const REASON = new Error("enough");

function create(service: Pick<Service, "fetch">, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...isolatedOptions(service), ...options });
}

/** Creates a service that responds when `open` is called, or rejects when the request is aborted. */
function createGate(): Service & { open(): void } {
  const waiting: (() => void)[] = [];
  const service = createService((asked: Asked, index) =>
    Promise.race([
      silence(asked),
      new Promise((resolve) => waiting.push(() => resolve(tokenAnswer({ access_token: `token-${index}` })))),
    ])
  );
  return {
    ...service,
    open() {
      for (const respond of waiting.splice(0)) respond();
    },
  };
}

/** Creates a signal like that of `@azure/abort-controller` 1: without a reason, and without options for listeners. */
function createOldSignal(): { signal: AbortSignalLike; abort(): void; listeners: Set<unknown> } {
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    addEventListener: (_: "abort", listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener),
  };
  return {
    signal: signal as AbortSignalLike,
    listeners,
    abort() {
      signal.aborted = true;
      for (const listener of [...listeners]) listener();
    },
  };
}

test("an aborted signal rejects the call at once with its reason, and no request is sent", async () => {
  const service = createService();
  const credential = create(service);
  for (const reason of [REASON, "a text", 7, { a: 1 }]) {
    const abortSignal = AbortSignal.abort(reason);
    assert.equal(await failureOf(credential.getToken(SCOPE, { abortSignal })) as unknown, reason);
  }
  assert.equal((await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort() }))).name, "AbortError");
  assert.equal(service.requests.length, 0);
});

test("an aborted signal rejects the call even if a token is cached", async () => {
  const credential = create(createService());
  await credential.getToken(SCOPE);
  assert.equal(await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort(REASON) })), REASON);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("the call of a caller that aborts rejects at once with the reason, and the other callers get the token of the same request", async () => {
  const gate = createGate();
  const credential = create(gate);
  const controller = new AbortController();
  const left = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const others = [
    credential.getToken(SCOPE),
    credential.getToken(SCOPE, { abortSignal: new AbortController().signal }),
    create(gate).getToken(SCOPE),
  ];
  await gate.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  await breathe();
  assert.equal(gate.requests[0]!.signal.aborted, false);
  gate.open();
  assert.deepEqual((await Promise.all(others)).map(({ token }) => token), ["token-0", "token-0", "token-0"]);
  assert.equal(gate.requests.length, 1);
});

test("the request is aborted when the last caller has aborted, and nothing is logged or cached", async () => {
  const gate = createGate();
  const events: LogEvent[] = [];
  const credential = create(gate, { log: (event) => events.push(event) });
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const failures = controllers.map(({ signal }) => failureOf(credential.getToken(SCOPE, { abortSignal: signal })));
  await gate.untilRequested(1);
  for (const controller of controllers.slice(1)) controller.abort(REASON);
  await breathe();
  assert.equal(gate.requests[0]!.signal.aborted, false);
  controllers[0]!.abort(REASON);
  assert.deepEqual(await Promise.all(failures), [REASON, REASON, REASON]);
  await breathe();
  assert.equal(gate.requests[0]!.signal.aborted, true);
  assert.deepEqual(events, []);
  // The next call does not wait for the aborted request.
  const next = credential.getToken(SCOPE);
  await gate.untilRequested(2);
  gate.open();
  assert.equal((await next).token, "token-1");
});

test("a call right after the last caller has aborted makes a new request", async () => {
  const gate = createGate();
  const credential = create(gate);
  const controller = new AbortController();
  const left = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  await gate.untilRequested(1);
  controller.abort(REASON);
  const next = credential.getToken(SCOPE);
  assert.equal(await left, REASON);
  await gate.untilRequested(2);
  gate.open();
  assert.equal((await next).token, "token-1");
});

test("a call that is aborted before its request is sent sends none", async () => {
  const service = createService();
  for (
    const options of [
      {},
      // During the cache lookup.
      { cache: { get: () => breathe().then(() => undefined), set() {}, delete() {} } },
      { cache: false as const },
    ]
  ) {
    const controller = new AbortController();
    const left = failureOf(create(service, options).getToken(SCOPE, { abortSignal: controller.signal }));
    controller.abort(REASON);
    assert.equal(await left, REASON);
    for (let i = 0; i < 5; i++) await breathe();
    assert.equal(service.requests.length, 0);
  }
});

test("aborting a call with cache: false aborts its request", async () => {
  const gate = createGate();
  const controller = new AbortController();
  const left = failureOf(create(gate, { cache: false }).getToken(SCOPE, { abortSignal: controller.signal }));
  await gate.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  assert.equal(gate.requests[0]!.signal.aborted, true);
});

test("an aborted call rejects even if fetch ignores its signal", async () => {
  const service = createService(() => new Promise(() => {}));
  const controller = new AbortController();
  const left = failureOf(create(service).getToken(SCOPE, { abortSignal: controller.signal }));
  await service.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
});

test("a call that is aborted between two attempts rejects and makes no further attempt", async () => {
  const clock = createFakeClock();
  const service = createService(() => new Response("", { status: 503, headers: { "retry-after": "9" } }));
  const controller = new AbortController();
  const left = failureOf(create(service, { runtime: clock }).getToken(SCOPE, { abortSignal: controller.signal }));
  await clock.untilSleeping(9_999);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  await clock.advance(60_000);
  assert.equal(service.requests.length, 1);
  assert.deepEqual(clock.sleeping, []);
});

test("a call that is aborted during discovery rejects and aborts the discovery request", async () => {
  const service = createService(silence);
  const controller = new AbortController();
  const credential = create(service, { authorityHost: "https://login.private.example" });
  const left = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  await service.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  await breathe();
  assert.equal(service.requests[0]!.signal.aborted, true);
});

test("a caller that aborts does not abort the background refresh", async () => {
  const clock = createFakeClock();
  const service = createService((_, index) => tokenAnswer({ access_token: `token-${index}`, refresh_in: 1_800 }));
  const credential = create(service, { runtime: clock });
  await credential.getToken(SCOPE);
  await clock.advance(1_800_000);
  const controller = new AbortController();
  assert.equal((await credential.getToken(SCOPE, { abortSignal: controller.signal })).token, "token-0");
  controller.abort(REASON);
  for (let i = 0; i < 3; i++) await clock.advance(0);
  assert.equal((await credential.getToken(SCOPE)).token, "token-1");
});

test("a signal without a reason rejects the call with an AbortError", async () => {
  const gate = createGate();
  const credential = create(gate);
  const old = createOldSignal();
  const left = failureOf(credential.getToken(SCOPE, { abortSignal: old.signal }));
  await gate.untilRequested(1);
  old.abort();
  assert.equal((await left).name, "AbortError");
  assert.equal((await failureOf(credential.getToken(SCOPE, { abortSignal: old.signal }))).name, "AbortError");
  assert.equal(old.listeners.size, 0);
});

test("no listener remains on the signal after a call", async () => {
  const old = createOldSignal();
  const service = createService((_, index) => index === 1 ? new Response("", { status: 400 }) : tokenAnswer());
  const credential = create(service);
  await credential.getToken(SCOPE, { abortSignal: old.signal });
  await credential.getToken(SCOPE, { abortSignal: old.signal });
  await failureOf(credential.getToken("another", { abortSignal: old.signal }));
  await failureOf(credential.getToken("", { abortSignal: old.signal }));
  assert.equal(old.listeners.size, 0);
});

test("many calls with one signal add one listener to it, because Node warns of the eleventh", async () => {
  const old = createOldSignal();
  const gate = createGate();
  const credential = create(gate);
  const options = { abortSignal: old.signal };
  const left = Array.from({ length: 20 }, (_, index) => failureOf(credential.getToken(`scope-${index % 2}`, options)));
  await gate.untilRequested(2);
  assert.equal(old.listeners.size, 1);
  old.abort();
  for (const { name } of await Promise.all(left)) assert.equal(name, "AbortError");
  assert.equal(old.listeners.size, 0);
});

test("a response that was read leaves no listener on the request's signal, even after many attempts", async () => {
  const counts: number[] = [];
  const listeners = new Set<unknown>();
  const fetch = (_: unknown, init?: RequestInit) => {
    const signal = init!.signal!;
    if (counts.length === 0) {
      const add = signal.addEventListener.bind(signal) as AbortSignal["addEventListener"];
      const remove = signal.removeEventListener.bind(signal) as AbortSignal["removeEventListener"];
      signal.addEventListener = (type: string, ...rest: [never]) => (listeners.add(rest[0]), add(type, ...rest));
      signal.removeEventListener = (
        type: string,
        ...rest: [never]
      ) => (listeners.delete(rest[0]), remove(type, ...rest));
    }
    counts.push(listeners.size);
    return Promise.resolve(counts.length < 13 ? new Response("busy", { status: 503 }) : tokenAnswer());
  };
  const retryOptions = { maxRetries: 20, retryDelayInMs: 0 };
  await create({ fetch: fetch as typeof globalThis.fetch }, { retryOptions }).getToken(SCOPE);
  assert.deepEqual(counts, Array.from({ length: 13 }, () => 0));
});

test("requestOptions.timeout rejects the caller's call, and the other callers get the token", async () => {
  const clock = createFakeClock();
  const gate = createGate();
  const credential = create(gate, { runtime: clock });
  const impatient = failureOf(credential.getToken(SCOPE, { requestOptions: { timeout: 5_000 } }));
  const patient = credential.getToken(SCOPE);
  await gate.untilRequested(1);
  await clock.advance(5_000);
  const error = await impatient;
  assert.equal(error.name, "TimeoutError");
  assert.equal(error.message, 'No token within the 5000 ms of "timeout"');
  gate.open();
  assert.equal((await patient).token, "token-0");
  assert.deepEqual(clock.sleeping, []);
});

test("requestOptions.timeout of the only caller aborts the request", async () => {
  const clock = createFakeClock();
  const gate = createGate();
  const impatient = failureOf(create(gate, { runtime: clock }).getToken(SCOPE, { requestOptions: { timeout: 5_000 } }));
  await gate.untilRequested(1);
  await clock.advance(5_000);
  assert.equal((await impatient).name, "TimeoutError");
  assert.equal(gate.requests[0]!.signal.aborted, true);
  assert.deepEqual(clock.sleeping, []);
});

test("requestOptions.timeout is ignored if it exceeds the limit of timers", async () => {
  for (const timeout of [2 ** 31, 1e15, Infinity]) {
    const gate = createGate();
    const token = create(gate).getToken(SCOPE, { requestOptions: { timeout } });
    await gate.untilRequested(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    gate.open();
    assert.equal((await token).token, "token-0");
  }
});

test("a call with a signal and a timeout rejects with the first of them", async () => {
  const clock = createFakeClock();
  const gate = createGate();
  const credential = create(gate, { runtime: clock });
  const controller = new AbortController();
  const options = { abortSignal: controller.signal, requestOptions: { timeout: 5_000 } };
  const first = failureOf(credential.getToken(SCOPE, options));
  await gate.untilRequested(1);
  await clock.advance(4_999);
  controller.abort(REASON);
  assert.equal(await first, REASON);
  assert.deepEqual(clock.sleeping, []);
});

test("timeoutInMs rejects the calls of all callers with the same error", async () => {
  const clock = createFakeClock();
  const service = createService(silence);
  const credential = create(service, { runtime: clock, timeoutInMs: 1_000 });
  const failures = Promise.all(Array.from({ length: 10 }, () => failureOf(credential.getToken(SCOPE))));
  await service.untilRequested(1);
  await clock.advance(1_000);
  assert.deepEqual([...new Set((await failures).map(({ name }) => name))], ["AuthenticationError"]);
  // Two attempts of one request, and not one request per caller.
  assert.equal(service.requests.length, 2);
});

test("reading a certificate file ends with the deadline, and the next call reads the file again", async () => {
  const clock = createFakeClock();
  const service = createService();
  let reads = 0;
  const readTextFile = () => reads++ === 0 ? new Promise<string>(() => {}) : Promise.resolve(CERTIFICATE + KEY);
  const options = { ...isolatedOptions(service), runtime: { ...clock, readTextFile } };
  const credential = new ClientCertificateCredential(TENANT, CLIENT, "/app.pem", options);
  const failed = failureOf(credential.getToken(SCOPE));
  await clock.untilSleeping();
  await clock.advance(60_000);
  const error = await failed;
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, /^ClientCertificateCredential: Cannot get a token: No response within the 60000 ms/);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("a failure before the first request is not cached", async () => {
  let broken = true;
  const service = createService();
  const { env: _env, ...options } = isolatedOptions(service);
  const runtime = {
    env(): undefined {
      if (broken) throw new Error("No variables yet");
    },
  };
  const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...options, runtime });
  assert.equal((await failureOf(credential.getToken(SCOPE))).message, "No variables yet");
  broken = false;
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("timeoutInMs: 0 rejects the call at once", async () => {
  const service = createService(silence);
  const error = await failureOf(create(service, { timeoutInMs: 0 }).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
});

test("a chain stops at the current credential when its caller aborts", async () => {
  const gate = createGate();
  let asked = false;
  const chain = new ChainedTokenCredential(create(gate), {
    getToken() {
      asked = true;
      return Promise.resolve(null);
    },
  });
  const controller = new AbortController();
  const left = failureOf(chain.getToken(SCOPE, { abortSignal: controller.signal }));
  await gate.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  assert.equal(asked, false);
});

test("a bearer token provider passes its signal to the credential", async () => {
  const controller = new AbortController();
  const provider = getBearerTokenProvider(create(createGate()), SCOPE, { abortSignal: controller.signal });
  const left = failureOf(provider());
  controller.abort(REASON);
  assert.equal(await left, REASON);
});

test("a request to the simulated Entra can be aborted", async () => {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: CLIENT, secrets: ["a-secret"] }] });
  const release = entra.hold();
  const controller = new AbortController();
  const credential = create(entra);
  const left = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
  const other = credential.getToken(SCOPE);
  await entra.untilRequested();
  controller.abort(REASON);
  assert.equal(await left, REASON);
  release();
  assert.equal((await entra.verify((await other).token)).appid, CLIENT);
});

test("the request is aborted if two callers abort at the same time", async () => {
  const gate = createGate();
  const credential = create(gate);
  const controller = new AbortController();
  const options = { abortSignal: controller.signal };
  const both = [credential.getToken(SCOPE, options), credential.getToken(SCOPE, options)].map(failureOf);
  await gate.untilRequested(1);
  await breathe();
  controller.abort(REASON);
  for (const failure of both) assert.equal(await failure as unknown, REASON);
  await breathe();
  assert.equal(gate.requests.length, 1);
  assert.ok(gate.requests[0]!.signal.aborted);
});
