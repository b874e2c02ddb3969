// Runs on: deno
// A month on a virtual machine whose metadata service is often upgraded, throttled or restarted, and whose clock jumps.
// All random values come from one seed, and the clock is a fake, so that each run is the same.
import { ManagedIdentityCredential } from "@azweb/identity";
import { createFakeClock, createVirtualMachine } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { createRandom } from "../support/random.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-11-01T00:00:00Z");
const END = START + 30 * DAY;
const REQUESTS_PER_SECOND = 5;
const TIMEOUT = 2 * MINUTE;

const CLIENT_ID = "66666666-7777-8888-9999-000000000000";
const IDENTITIES = [{}, { clientId: CLIENT_ID }] as const;
const RESOURCES = ["https://vault.azure.net", "https://storage.azure.com"] as const;

/** Outages of the metadata service, with their minimum and maximum duration. */
const OUTAGES = [
  { kind: "upgrade", from: 70 * SECOND, to: 70 * SECOND },
  { kind: "throttling", from: 5 * SECOND, to: 40 * SECOND },
  { kind: "restart", from: 5 * SECOND, to: 45 * SECOND },
  { kind: "failure", from: 5 * SECOND, to: 60 * SECOND },
  { kind: "long failure", from: 13 * HOUR, to: 20 * HOUR },
] as const;

interface Outage {
  readonly kind: typeof OUTAGES[number]["kind"];
  readonly until: number;
}

/** A program, which starts with an empty cache. After some days another one replaces it. */
interface Program {
  readonly credentials: readonly ManagedIdentityCredential[];
  /** By identity and resource: the last token, by the program's clock. */
  readonly tokens: Map<string, { readonly acquiredOn: number; readonly expiresOn: number }>;
  /** By identity and resource: the time of the first request after the last token, by the program's clock. */
  readonly tryingSince: Map<string, number>;
}

test("thirty days: no stampede, no expired token, one request per refresh", async () => {
  const figures = {
    calls: 0,
    "calls that got a token": 0,
    "calls that failed": 0,
    requests: 0,
    "responses with a token": 0,
    "responses with 410": 0,
    "responses with 429": 0,
    "responses with 500 or 503": 0,
    "requests without a response": 0,
    tokens: 0,
    "programs started": 0,
    "jumps of the clock": 0,
    "most requests in a second": 0,
    "longest wait in seconds": 0,
  };
  const random = createRandom(20_261_123);
  const between = (from: number, to: number) => Math.round(from + random() * (to - from));
  const clock = createFakeClock(START);
  const machine = createVirtualMachine({ clock, userAssigned: [{ clientId: CLIENT_ID }] });
  const handedOut = new Set<string>();
  const lastSecond: number[] = [];
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = []; // Failures of the test itself, not of a token request.
  let jumped = 0; // The difference between the program's clock and the real one.
  let outage: Outage | undefined;
  let busy = 0; // The number of operations that run in real time.
  let program!: Program;
  const inOrder = createQueue();
  const digestInOrder = createQueue();

  /** Runs operations in real time one after another, in the order of the calls. */
  function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
    let last: Promise<unknown> = Promise.resolve();
    return async (work) => {
      busy++;
      const done = last.then(work);
      last = done.catch(() => {});
      try {
        return await done;
      } finally {
        busy--;
      }
    };
  }

  /** Waits until no operation in real time is pending. */
  async function settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet = busy > 0 ? 0 : quiet + 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Advances the clock to a time, and stops at each timer before it. */
  async function advanceTo(time: number): Promise<void> {
    for (await settle(); clock.now() < time; await settle()) {
      if (failures.length > 0) throw failures[0];
      await clock.advance(Math.min(time - clock.now(), clock.sleeping[0] ?? Infinity));
    }
  }

  function start(): Program {
    figures["programs started"]++;
    const mine: Program = { credentials: [], tokens: new Map(), tryingSince: new Map() };
    const options = {
      ...machine.options,
      localFetch: (input: string | URL | Request, init?: RequestInit) => respond(mine, String(input), init),
      runtime: { ...machine.options.runtime, now: () => clock.now() + jumped },
    };
    return { ...mine, credentials: IDENTITIES.map((id) => new ManagedIdentityCredential({ ...options, ...id })) };
  }

  /** Responds as the metadata service. */
  async function respond({ tokens, tryingSince }: Program, url: string, init?: RequestInit): Promise<Response> {
    const now = clock.now();
    const sentOn = now + jumped;
    const { searchParams } = new URL(url);
    const key = `${searchParams.get("client_id")} ${searchParams.get("resource")}`;
    figures.requests++;
    while (lastSecond.length > 0 && lastSecond[0]! <= now - SECOND) lastSecond.shift();
    lastSecond.push(now);
    figures["most requests in a second"] = Math.max(figures["most requests in a second"], lastSecond.length);
    const since = tryingSince.get(key) ?? sentOn;
    tryingSince.set(key, since);

    if (outage && now >= outage.until) outage = undefined;
    else if (!outage && random() < 0.4) {
      // The long failure is rare.
      const { kind, from, to } = OUTAGES[random() < 0.02 ? 4 : between(0, 3)]!;
      outage = { kind, until: now + between(from, to) };
    }
    const status = statusIn(outage, now);
    if (status === 200) await clock.sleep(between(5, 200), init?.signal ?? undefined);
    if (status === 0) {
      figures["requests without a response"]++;
      throw new TypeError("fetch failed: Connection refused");
    }
    const response = status === 200
      ? await inOrder(() => machine.fetch(url, init))
      : new Response('{"error":"unavailable"}', {
        status,
        headers: status === 429 ? { "retry-after": String(between(1, 10)) } : {},
      });
    if (response.status === 410) figures["responses with 410"]++;
    else if (response.status === 429) figures["responses with 429"]++;
    else if (response.status >= 500) figures["responses with 500 or 503"]++;
    else {
      assert.equal(response.status, 200);
      figures["responses with a token"]++;
      const { expires_on } = await inOrder(() => response.clone().json());
      const before = tokens.get(key);
      // Recorded instead of thrown, because the library would treat an exception as a failure of the service.
      if (before && !isDue(before, since)) failures.push(new Error(`${key} was requested twice`));
      tokens.set(key, { acquiredOn: sentOn, expiresOn: Number(expires_on) * 1000 });
      tryingSince.delete(key);
    }
    return response;
  }

  async function call({ credentials, tokens }: Program): Promise<void> {
    const identity = between(0, IDENTITIES.length - 1);
    const resource = RESOURCES[between(0, RESOURCES.length - 1)]!;
    const { clientId = null } = IDENTITIES[identity] as { clientId?: string };
    const began = clock.now();
    figures.calls++;
    const known = tokens.get(`${clientId} ${resource}`);
    const isKnown = known && known.acquiredOn < began + jumped;
    try {
      const { token, expiresOnTimestamp } = await credentials[identity]!.getToken(`${resource}/.default`);
      const { aud, appid, exp } = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
      assert.equal(aud, resource);
      if (clientId) assert.equal(appid, clientId);
      else assert.notEqual(appid, CLIENT_ID);
      assert.equal(expiresOnTimestamp, exp * 1000);
      // A program whose clock is behind cannot detect that a token has expired.
      assert.ok(clock.now() + Math.min(0, jumped) < exp * 1000, "The token has expired");
      handedOut.add(token);
      figures["calls that got a token"]++;
    } catch (error) {
      const { name, message } = error as Error;
      assert.match(name, /^(AuthenticationError|CredentialUnavailableError)$/, message);
      const hasToken = isKnown && clock.now() + jumped < known.expiresOn;
      assert.ok(!hasToken, `Failed although the cached token was valid: ${message}`);
      figures["calls that failed"]++;
    }
    const wait = (clock.now() - began) / SECOND;
    figures["longest wait in seconds"] = Math.max(figures["longest wait in seconds"], wait);
  }

  function burst(callers: number): void {
    for (let i = 0; i < callers; i++) {
      const calling = call(program).finally(() => pending.delete(calling));
      pending.add(calling);
      calling.catch((error) => failures.push(error));
    }
  }

  // Loads the modules in advance that are imported on demand, because the import takes a variable amount of real time.
  await new ManagedIdentityCredential(createVirtualMachine().options).getToken(`${RESOURCES[0]}/.default`);
  const { random: realRandom } = Math;
  const realDigest = crypto.subtle.digest;
  Math.random = random;
  crypto.subtle.digest = (...args) => digestInOrder(() => realDigest.apply(crypto.subtle, args));
  try {
    program = start();
    let nextStart = START + between(2 * DAY, 6 * DAY);
    let nextJump = START + between(12 * HOUR, 2 * DAY);
    for (let time = START; time < END; time += between(MINUTE, 3 * HOUR)) {
      await advanceTo(time);
      if (time >= nextStart) {
        program = start();
        nextStart = time + between(2 * DAY, 6 * DAY);
      }
      if (time >= nextJump) {
        // Most jumps are of at most two minutes, some of hours.
        jumped = random() < 0.7 ? between(-2 * MINUTE, 2 * MINUTE) : between(-3 * HOUR, 2 * HOUR);
        figures["jumps of the clock"]++;
        nextJump = time + between(30 * MINUTE, 2 * DAY);
      }
      burst(between(1, 500));
      await advanceTo(time + between(0, 3 * SECOND));
      burst(between(0, 20));
    }
    await advanceTo(END + TIMEOUT);
    await Promise.all(pending);
    if (failures.length > 0) throw failures[0];
  } finally {
    Math.random = realRandom;
    crypto.subtle.digest = realDigest;
    figures.tokens = handedOut.size;
    const lines = Object.entries(figures).map(([name, figure]) => `${String(figure).padStart(8)}  ${name}`);
    console.log(["Figures of thirty days on a virtual machine:", ...lines].join("\n"));
  }

  assert.equal(pending.size, 0);
  assert.ok(figures["most requests in a second"] <= REQUESTS_PER_SECOND);
  assert.ok(figures["longest wait in seconds"] * SECOND <= TIMEOUT);
  // Each token was replaced about twice a day during the month, and every kind of failure occurred.
  const keys = IDENTITIES.length * RESOURCES.length;
  assert.ok(figures["responses with a token"] > 30 * keys);
  assert.ok(figures.calls > 30_000);
  for (const response of ["with 410", "with 429", "with 500 or 503"] as const) {
    assert.ok(figures[`responses ${response}`] > 50, response);
  }
  assert.ok(figures["requests without a response"] > 50);
  assert.ok(figures["jumps of the clock"] > 10);
});

/** Whether a token must be replaced, by the program's clock. */
function isDue({ acquiredOn, expiresOn }: { acquiredOn: number; expiresOn: number }, now: number): boolean {
  return now >= (acquiredOn + expiresOn) / 2 || now <= acquiredOn - 5 * MINUTE;
}

/** The status of the metadata service's response; 0 for no response. */
function statusIn(outage: Outage | undefined, now: number): number {
  switch (outage?.kind) {
    case "upgrade":
      return 410;
    case "throttling":
      return 429;
    case "restart":
      // First the service accepts no connection. In the last ten seconds it responds with errors.
      return outage.until - now > 10 * SECOND ? 0 : 500;
    case "failure":
      return 500;
    case "long failure":
      return 503;
    default:
      return 200;
  }
}
