import { DefaultAzureCredential } from "@azweb/identity";
import { createEntra, createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";

test("a fake clock starts at the given time, or now", () => {
  assert.equal(createFakeClock(5).now(), 5);
  const before = Date.now();
  const now = createFakeClock().now();
  assert.ok(before <= now && now <= Date.now());
});

test("a fake clock does not run until it is advanced", async () => {
  const { now, advance } = createFakeClock(1_000);
  assert.equal(now(), 1_000);
  await advance(500);
  assert.equal(now(), 1_500);
  await advance(0);
  assert.equal(now(), 1_500);
});

test("advancing resolves sleeps in order, each at its time, including those that start meanwhile", async () => {
  const clock = createFakeClock(0);
  const seen: string[] = [];
  assert.deepEqual(clock.sleeping, []);
  clock.sleep(300).then(() => seen.push(`third at ${clock.now()}`));
  clock.sleep(100)
    .then(() => seen.push(`first at ${clock.now()}`))
    .then(() => clock.sleep(100))
    .then(() => seen.push(`second at ${clock.now()}`));
  clock.sleep(301).then(() => seen.push("too late"));
  assert.deepEqual(clock.sleeping, [100, 300, 301]);
  await clock.advance(300);
  assert.deepEqual(seen, ["first at 100", "second at 200", "third at 300"]);
  assert.deepEqual(clock.sleeping, [1]);
});

test("advancing lets long promise chains run between two sleeps", async () => {
  const clock = createFakeClock(0);
  const seen: string[] = [];
  clock.sleep(1).then(async () => {
    for (let i = 0; i < 1_000; i++) await Promise.resolve();
    seen.push("first");
  });
  clock.sleep(2).then(() => seen.push("second"));
  await clock.advance(2);
  assert.deepEqual(seen, ["first", "second"]);
});

test("advancing first lets work that has started reach its first sleep", async () => {
  const clock = createFakeClock(0);
  async function work(): Promise<number> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    await clock.sleep(100);
    return clock.now();
  }
  const works = [work()];
  await clock.advance(1_000);
  works.push(work());
  await clock.advance(1_000);
  assert.deepEqual(await Promise.all(works), [100, 1_100]);
});

test("a clock that is advanced right after a call runs all retries of its token request", async () => {
  const tenantId = "11111111-2222-3333-4444-555555555555";
  const entra = createEntra({ apps: [{ tenantId, clientId: "my-app", secrets: ["my-secret"] }] });
  entra.failNext({ status: 503 }, 10);
  const clock = createFakeClock();
  const env = { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: "my-app", AZURE_CLIENT_SECRET: "my-secret" };
  const credential = new DefaultAzureCredential({ env, fetch: entra.fetch, runtime: clock });
  const failure = assert.rejects(credential.getToken("https://vault.azure.net/.default"), /HTTP 503/);
  await clock.advance(70_000);
  await failure;
  assert.equal(entra.requests.length, 4);
});

test("a sleep of zero milliseconds resolves at once", async () => {
  const clock = createFakeClock(0);
  await clock.sleep(0);
  await clock.sleep(-1);
  await clock.sleep(NaN);
  assert.deepEqual(clock.sleeping, []);
});

test("an aborted signal rejects a sleep with its reason", async () => {
  const clock = createFakeClock(0);
  const controller = new AbortController();
  const sleep = clock.sleep(100, controller.signal);
  assert.deepEqual(clock.sleeping, [100]);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(sleep, reason);
  assert.deepEqual(clock.sleeping, []);
  await assert.rejects(clock.sleep(100, controller.signal), reason);
  await assert.rejects(clock.sleep(0, controller.signal), reason);
});

test("an abort after a sleep has no effect", async () => {
  const clock = createFakeClock(0);
  const controller = new AbortController();
  const asleep = clock.sleep(100, controller.signal);
  await clock.advance(100);
  controller.abort(new Error("too late"));
  await asleep;
});

test("setting the clock jumps in both directions and resolves no sleep", async () => {
  const clock = createFakeClock(1_000);
  await clock.advance(500);
  let awake = false;
  const asleep = clock.sleep(100).then(() => awake = true);
  clock.set(1_000_000);
  assert.equal(clock.now(), 1_000_000);
  assert.deepEqual(clock.sleeping, [100]);
  clock.set(0);
  assert.equal(clock.now(), 0);
  await clock.advance(99);
  assert.equal(awake, false);
  await clock.advance(1);
  await asleep;
  assert.equal(clock.now(), 100);
});

test("a clock cannot be advanced backwards", async () => {
  const clock = createFakeClock(0);
  for (const ms of [-1, NaN]) await assert.rejects(clock.advance(ms), { name: "RangeError", message: /"set"/ });
});

test("untilSleeping waits for a sleep", async () => {
  const clock = createFakeClock(0);
  const seen = clock.untilSleeping();
  clock.sleep(70);
  assert.equal(await seen, 70);
  assert.equal(await clock.untilSleeping(), 70);
});

test("untilSleeping ignores longer sleeps", async () => {
  const clock = createFakeClock(0);
  let seen: number | undefined;
  clock.sleep(60_000);
  const watched = clock.untilSleeping(1_000).then((ms) => seen = ms);
  await clock.advance(10);
  assert.equal(seen, undefined);
  clock.sleep(800);
  await watched;
  assert.equal(seen, 800);
});
