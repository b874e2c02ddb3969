// Runs on: node
// Credentials and test doubles under the fake timers of node:test.
import { ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential } from "@azweb/identity";
import { createEntra, createFakeClock, createVirtualMachine } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { failureOf } from "../support/service.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";
const VAULT = "https://vault.azure.net/.default";
const HOUR = 3_600_000;
const START = Date.UTC(2030, 0, 1);
/** Returns the duration of the last timer that the library has set, in milliseconds, so that a test can wait for it. */
let sleeping: () => number;
const setRealTimeout = setTimeout;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: START });
  const { setTimeout: setFakeTimeout } = globalThis;
  const times: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    times.push(ms);
    return setFakeTimeout(callback, ms);
  }) as typeof setTimeout;
  sleeping = () => times.at(-1)!;
});
afterEach(() => mock.timers.reset());

function setUp() {
  const entra = createEntra({ apps: [{ tenantId: TENANT, clientId: "my-app", secrets: ["my-secret"] }] });
  const options = { env: {}, cache: new Map(), fetch: entra.fetch };
  return { entra, credential: new ClientSecretCredential(TENANT, "my-app", "my-secret", options) };
}

/** Waits until the library has set a timer of this duration. */
async function untilSleeping(ms: number): Promise<void> {
  while (sleeping() !== ms) await new Promise((resolve) => setRealTimeout(resolve, 1));
}

test("a token expires by the fake time, and acquiring one needs no timer", async () => {
  const { entra, credential } = setUp();
  const { token, expiresOnTimestamp } = await credential.getToken(VAULT);
  assert.equal(expiresOnTimestamp, START + HOUR);
  assert.equal((await entra.verify(token)).appid, "my-app");
  mock.timers.tick(HOUR);
  const renewed = await credential.getToken(VAULT);
  assert.equal(renewed.expiresOnTimestamp, START + 2 * HOUR);
  assert.equal(entra.requests.length, 2);
});

test("a retry waits for the fake time", async () => {
  const { entra, credential } = setUp();
  entra.failNext({ status: 503, retryAfter: 7 });
  const pending = credential.getToken(VAULT);
  await untilSleeping(7000);
  assert.equal(entra.requests.length, 1);
  mock.timers.tick(7000);
  assert.equal((await pending).expiresOnTimestamp, START + 7000 + HOUR);
  assert.equal(entra.requests.length, 2);
});

test("the time limit of a call is measured by the fake time", async () => {
  const { entra, credential } = setUp();
  entra.failNext("silent", Infinity);
  const failing = failureOf(credential.getToken(VAULT));
  await entra.untilRequested();
  mock.timers.tick(60_000);
  assert.match((await failing).message, /No response within the 60000 ms of "timeoutInMs"/);
});

test("machines need no timers", async () => {
  const { options, verify } = createVirtualMachine();
  for (const Credential of [ManagedIdentityCredential, DefaultAzureCredential]) {
    const { token } = await new Credential({ ...options, cache: new Map() }).getToken(VAULT);
    assert.equal((await verify(token)).aud, "https://vault.azure.net");
  }
});

test("createFakeClock is independent of the fake timers", async () => {
  const clock = createFakeClock(0);
  const woken = clock.sleep(2000).then(clock.now);
  await clock.advance(60_000);
  assert.deepEqual([await woken, clock.now(), Date.now()], [2000, 60_000, START]);
});
