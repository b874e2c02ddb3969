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

/** A service that answers when it is told to, and leaves with its signal. */
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
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

/** A signal as `@azure/abort-controller` 1 made it: it has no reason, and its listeners take no options. */
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

test("a signal that has fired rejects at once with its reason, and nothing is sent", async () => {
  const service = createService();
  const credential = create(service);
  for (const reason of [REASON, "a text", 7, { a: 1 }]) {
    const abortSignal = AbortSignal.abort(reason);
    assert.equal(await failureOf(credential.getToken(SCOPE, { abortSignal })) as unknown, reason);
  }
  assert.equal((await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort() }))).name, "AbortError");
  assert.equal(service.requests.length, 0);
});

test("a signal that has fired rejects also where a token is in memory", async () => {
  const credential = create(createService());
  await credential.getToken(SCOPE);
  assert.equal(await failureOf(credential.getToken(SCOPE, { abortSignal: AbortSignal.abort(REASON) })), REASON);
  assert.equal((await credential.getToken(SCOPE)).token, "a-token");
});

test("a caller who leaves is told at once, with the reason; the others get their token; one request", async () => {
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

test("when the last has left, the request is given up; nothing is logged, nothing is remembered", async () => {
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
  // The next is not made to wait for what was given up.
  const next = credential.getToken(SCOPE);
  await gate.untilRequested(2);
  gate.open();
  assert.equal((await next).token, "token-1");
});

test("a caller who comes right after the last has left makes a request of their own", async () => {
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

test("a caller who leaves before anything was sent sends nothing", async () => {
  const service = createService();
  for (
    const options of [
      {},
      // While the cache is asked.
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

test("a caller with cache: false who leaves takes the request along", async () => {
  const gate = createGate();
  const controller = new AbortController();
  const left = failureOf(create(gate, { cache: false }).getToken(SCOPE, { abortSignal: controller.signal }));
  await gate.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
  assert.equal(gate.requests[0]!.signal.aborted, true);
});

test("a service that does not heed its signal keeps nobody waiting", async () => {
  const service = createService(() => new Promise(() => {}));
  const controller = new AbortController();
  const left = failureOf(create(service).getToken(SCOPE, { abortSignal: controller.signal }));
  await service.untilRequested(1);
  controller.abort(REASON);
  assert.equal(await left, REASON);
});

test("a caller may leave during a wait between two attempts: no attempt comes after it", async () => {
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

test("a caller may leave during discovery", async () => {
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

test("a caller who leaves while the token is refreshed behind them does not disturb it", async () => {
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

test("a signal of an older kind, without a reason, gives an AbortError", async () => {
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

test("no listener stays behind on a signal that lives long", async () => {
  const old = createOldSignal();
  const service = createService((_, index) => index === 1 ? new Response("", { status: 400 }) : tokenAnswer());
  const credential = create(service);
  await credential.getToken(SCOPE, { abortSignal: old.signal });
  await credential.getToken(SCOPE, { abortSignal: old.signal });
  await failureOf(credential.getToken("another", { abortSignal: old.signal }));
  await failureOf(credential.getToken("", { abortSignal: old.signal }));
  assert.equal(old.listeners.size, 0);
});

test("many calls with one signal put one listener on it: Node warns of the eleventh", async () => {
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

test("an answer that was read leaves no listener on the request's signal, however many attempts there are", async () => {
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

test("requestOptions.timeout: the caller waits so long and no longer; the others get their token", async () => {
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

test("requestOptions.timeout of the only caller gives the request up", async () => {
  const clock = createFakeClock();
  const gate = createGate();
  const impatient = failureOf(create(gate, { runtime: clock }).getToken(SCOPE, { requestOptions: { timeout: 5_000 } }));
  await gate.untilRequested(1);
  await clock.advance(5_000);
  assert.equal((await impatient).name, "TimeoutError");
  assert.equal(gate.requests[0]!.signal.aborted, true);
  assert.deepEqual(clock.sleeping, []);
});

test("requestOptions.timeout beyond what a timer can wait is no timeout at all", async () => {
  for (const timeout of [2 ** 31, 1e15, Infinity]) {
    const gate = createGate();
    const token = create(gate).getToken(SCOPE, { requestOptions: { timeout } });
    await gate.untilRequested(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    gate.open();
    assert.equal((await token).token, "token-0");
  }
});

test("signal and timeout together: whichever comes first", async () => {
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

test("a deadline of the credential fails all who wait, and says so to each", async () => {
  const clock = createFakeClock();
  const service = createService(silence);
  const credential = create(service, { runtime: clock, timeoutInMs: 1_000 });
  const failures = Promise.all(Array.from({ length: 10 }, () => failureOf(credential.getToken(SCOPE))));
  await service.untilRequested(1);
  await clock.advance(1_000);
  assert.deepEqual([...new Set((await failures).map(({ name }) => name))], ["AuthenticationError"]);
  // Two attempts of one request, not one request a caller.
  assert.equal(service.requests.length, 2);
});

test("a certificate's file that is never read to its end ends with the deadline, and is read again by the next call", async () => {
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

test("what fails before the first request is not remembered as failed", async () => {
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

test("a deadline of zero is over before it begins", async () => {
  const service = createService(silence);
  const error = await failureOf(create(service, { timeoutInMs: 0 }).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
});

test("a chain stops where its caller leaves", async () => {
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

test("a bearer token provider hands its signal on", async () => {
  const controller = new AbortController();
  const provider = getBearerTokenProvider(create(createGate()), SCOPE, { abortSignal: controller.signal });
  const left = failureOf(provider());
  controller.abort(REASON);
  assert.equal(await left, REASON);
});

test("the simulated Entra is left too", async () => {
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

test("two callers who leave together leave no request behind", async () => {
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
