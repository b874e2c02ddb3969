// Runs on: deno, node, bun
// Credentials and test doubles under the fake timers that vitest and Jest share, advanced by hand and by themselves.
import { ClientSecretCredential, type CredentialOptions, DefaultAzureCredential } from "@azweb/identity";
import { createEntra, createFakeClock, createVirtualMachine } from "@azweb/identity/testing";
import { type Clock, type Config, install } from "@sinonjs/fake-timers";
import assert from "node:assert/strict";
import { test } from "node:test";

const VAULT = "https://vault.azure.net/.default";
const HOUR = 3_600_000;
const START = Date.UTC(2030, 0, 1);
const setRealTimeout = setTimeout;

/** Replaces the timers and the time while the function runs, as `vi.useFakeTimers` and `jest.useFakeTimers` do. */
async function withFakeTimers(use: (clock: Clock) => Promise<void>, config: Config = {}): Promise<void> {
  // Neither of the runners replaces those of the runtime's own modules.
  const clock = install({ now: START, toNotFake: ["nextTick", "queueMicrotask"], ...config });
  try {
    await use(clock);
  } finally {
    clock.uninstall();
  }
}

/** Resolves when a timer of this time has been set. */
async function untilSleeping(clock: Clock, ms: number): Promise<void> {
  const isSet = () => [...clock.timers?.values() ?? []].some(({ delay }) => delay === ms);
  while (!isSet()) await new Promise((resolve) => setRealTimeout(resolve, 1));
}

function setUp(more: CredentialOptions = {}) {
  const entra = createEntra({ apps: [{ tenantId: "contoso.com", clientId: "my-app", secrets: ["my-secret"] }] });
  const options = { env: {}, cache: new Map(), fetch: entra.fetch, ...more };
  return { entra, credential: new ClientSecretCredential("contoso.com", "my-app", "my-secret", options) };
}

test("no timer is needed to get a token, and it ends when the fake time says so", async () => {
  await withFakeTimers(async (clock) => {
    const { entra, credential } = setUp();
    const { token, expiresOnTimestamp } = await credential.getToken(VAULT);
    assert.equal(expiresOnTimestamp, START + HOUR);
    assert.equal((await entra.verify(token)).appid, "my-app");
    clock.tick(HOUR);
    assert.equal((await credential.getToken(VAULT)).expiresOnTimestamp, START + 2 * HOUR);
    const { options } = createVirtualMachine();
    await new DefaultAzureCredential({ ...options, cache: new Map() }).getToken(VAULT);
  });
});

test("a retry waits until the timers are advanced", async () => {
  await withFakeTimers(async (clock) => {
    const { entra, credential } = setUp();
    entra.failNext({ status: 503, retryAfter: 7 });
    const pending = credential.getToken(VAULT);
    await untilSleeping(clock, 7000);
    await clock.tickAsync(6999);
    assert.equal(entra.requests.length, 1);
    await clock.tickAsync(1);
    assert.equal((await pending).expiresOnTimestamp, START + 7000 + HOUR);
    assert.equal(entra.requests.length, 2);
  });
});

test("a retry ends if the timers advance by themselves", async () => {
  await withFakeTimers(async () => {
    const { entra, credential } = setUp({ retryOptions: { retryDelayInMs: 50 } });
    entra.failNext({ status: 503 });
    await credential.getToken(VAULT);
    assert.equal(entra.requests.length, 2);
  }, { shouldAdvanceTime: true, advanceTimeDelta: 20 });
});

test("a fake clock goes on beside them", async () => {
  await withFakeTimers(async () => {
    const clock = createFakeClock();
    const { entra, credential } = setUp({ runtime: clock });
    entra.failNext({ status: 503, retryAfter: 7 });
    const pending = credential.getToken(VAULT);
    await clock.untilSleeping(7000);
    await clock.advance(7000);
    await pending;
    assert.equal(entra.requests.length, 2);
  });
});
