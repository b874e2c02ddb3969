/**
 * Thirty days of a program that requests tokens, on a fake clock: with failing requests, two outages of the service,
 * restarts of the program and changes of its clock. All random values come from one seed.
 *
 * @module
 */
import type { AccessToken } from "@azweb/identity";
import assert from "node:assert/strict";
import { createRandom } from "../random.ts";
import { createModelClock, withGlobals } from "./model_clock.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-11-01T00:00:00Z");
const SEED = 20_261_101;
/** The default `timeoutInMs` of most credentials, and of a managed identity. */
const DEADLINE = MINUTE;
const LONGEST_DEADLINE = 2 * MINUTE;
/** The name of the error of a failed call. */
const FAILURE = /^(AuthenticationError|CredentialUnavailableError)$/;
/** How long a token that is still valid is not refreshed after a failure, and the longest `Retry-After` of the month. */
const PAUSE = 30 * SECOND;
const MAX_RETRY_AFTER_IN_S = 10;
/** The part of the requests that fail while there is no outage, which changes from day to day. */
const FAULTS = { from: 0.05, to: 0.2 };

/** The resources that the program requests tokens for; the first one most often. */
export const RESOURCES: readonly string[] = [
  "https://vault.azure.net",
  "https://storage.azure.com",
  "https://management.azure.com",
];

/** The clock of a service or a program. */
export interface MonthClock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** How a request fails. `"silent"`: there is no response until the signal fires. */
export type MonthFault = "refused" | "silent" | "429" | "500" | "503";

const FAULT_KINDS: readonly MonthFault[] = ["refused", "silent", "429", "500", "503"];

/** A request for a token. */
export interface MonthRequest<T> {
  readonly resource: string;
  readonly signal: AbortSignal | undefined;
  /** Sends the request. `isSignIn` requests do not fail. */
  readonly isSignIn?: boolean;
  send(): Promise<T>;
  /** Returns the response of a failure other than `"silent"`, or rejects. */
  fail(fault: Exclude<MonthFault, "silent">, retryAfterInS: number): T;
  /** Returns the token response, if it is one. */
  read(response: T): TokenResponse | undefined;
}

/** The members of a token response that determine when the token must be replaced. */
export interface TokenResponse {
  readonly expires_on?: string | number | undefined;
  readonly expires_in?: string | number | undefined;
  readonly refresh_in?: string | number | undefined;
}

/** The connection of a program to the service. */
export interface Connection {
  /** The clock of the program. */
  readonly runtime: MonthClock;
  /** Passes on a request, unless it fails. */
  request<T>(request: MonthRequest<T>): Promise<T>;
  /** Returns a `fetch` whose token requests fail. */
  through(fetch: typeof globalThis.fetch): typeof globalThis.fetch;
}

/** A credential as the program uses it. */
export interface MonthCredential {
  getToken(scope: string): Promise<AccessToken>;
}

/** An identity of the program. */
export interface MonthIdentity {
  /** The claims of its tokens. */
  readonly claims: Readonly<Record<string, string>>;
  /** Creates the credential of a program that has just started. */
  connect(connection: Connection): MonthCredential | Promise<MonthCredential>;
}

/** One kind of credential. */
export interface MonthRow {
  /** The lifetime of its tokens, in milliseconds. */
  readonly livesInMs: number;
  /** Number of times that a request is sent until the call fails. */
  readonly attempts: number;
  /** How far the clock of the program is changed: by hours only if the service does not depend on the clock. */
  readonly clockIsOffByHours: boolean;
  /** Creates the service. */
  create(clock: MonthClock): readonly MonthIdentity[] | Promise<readonly MonthIdentity[]>;
}

/** What happened in a month. */
export interface MonthFigures {
  calls: number;
  failedCalls: number;
  failedCallsInOutages: number;
  requests: number;
  failedRequests: number;
  refreshes: number;
  /** Those of a background refresh whose token had expired, and been replaced for a caller, in the meantime. */
  superfluous: number;
}

/** The token requests of a program for one identity and resource. Times without "real" are by the program's clock. */
interface Key {
  readonly name: string;
  token?: {
    readonly acquiredOn: number;
    readonly expiresOn: number;
    readonly dueOn: number;
    /** Difference of the program's clock from the real time when the token was requested. */
    readonly offset: number;
    /** Whether it replaced a token that a caller could no longer get. */
    readonly isOfDying: boolean;
  };
  /** When the first attempt of the current refresh was sent. */
  tryingSince?: number | undefined;
  inFlight: number;
  /** Real time of the last request. */
  lastRequestOn: number;
  /** Real times of the failures since the last token. */
  failures: number[];
  /** Real time of a call that must lead to a request. */
  owedSince?: number | undefined;
}

/** The claims of a token. */
interface Claims {
  readonly exp: number;
  readonly oid: string;
}

interface Outage {
  readonly from: number;
  readonly to: number;
}

/**
 * Requests tokens for each identity once, in real time, so that all modules are loaded and all keys are generated: in
 * the month, they would take a time that differs from run to run. The first request fails.
 */
export async function rehearse(row: MonthRow): Promise<void> {
  let slept = 0;
  let isFailing = false;
  const clock: MonthClock = {
    now: () => Date.now() + slept,
    // Deadlines are not reached, and no other delay takes time.
    async sleep(ms) {
      if (ms >= 10 * SECOND) await new Promise(() => {});
      slept += ms;
    },
  };
  const connection: Connection = {
    runtime: clock,
    // deno-lint-ignore require-await
    request: async ({ send, fail }) => isFailing ? fail("429", 1) : send(),
    through: (fetch) => fetchThrough(connection, fetch),
  };
  for (const { claims, connect } of await row.create(clock)) {
    const credential = await connect(connection);
    isFailing = true;
    await assert.rejects(credential.getToken(`${RESOURCES.at(-1)}/.default`), { name: FAILURE });
    isFailing = false;
    slept += 2 * SECOND;
    for (const resource of RESOURCES) {
      checkClaims((await credential.getToken(`${resource}/.default`)).token, resource, claims);
    }
  }
}

/** Runs the month. Fails at the first violation of a rule. */
export async function runMonth(row: MonthRow): Promise<MonthFigures> {
  const random = createRandom(SEED);
  const between = (from: number, to: number) => Math.round(from + random() * (to - from));
  const clock = createModelClock(START);
  const figures: MonthFigures = {
    calls: 0,
    failedCalls: 0,
    failedCallsInOutages: 0,
    requests: 0,
    failedRequests: 0,
    refreshes: 0,
    superfluous: 0,
  };
  const hour = (day: number) => START + day * DAY + between(0, DAY);
  const outages: Outage[] = [[hour(8), HOUR] as const, [hour(16), row.livesInMs + 2 * HOUR] as const]
    .map(([from, ms]) => ({ from, to: from + ms }));
  const restarts = [hour(5), hour(22)];
  const far = row.clockIsOffByHours ? HOUR : MINUTE / 2;
  // The last change sets the clock right.
  const jumps = [[2, -1], [4, 2], [7, 0], [11, -3], [13, 1], [20, 3], [24, -2], [27, 0]]
    .map(([day, by]) => ({ at: hour(day!), offset: by! * far }));
  const violations: unknown[] = [];
  let offset = 0; // Of the program's clock.
  let faultRate = 0;
  let busy = 0; // Number of operations that need real time.
  let program: readonly { readonly credential: MonthCredential; readonly keys: Map<string, Key> }[] = [];
  let identities: readonly MonthIdentity[] = [];
  const objectIds = new Map<number, string>();
  /** The claims of each token that was returned. */
  const checked = new Map<string, Claims>();

  const programNow = () => clock.now() + offset;
  const outageAt = (time: number) => outages.find(({ from, to }) => time >= from && time < to);
  function violated(key: Key, what: string): void {
    violations.push(new Error(`${new Date(clock.now()).toISOString()}, ${key.name}: ${what}`));
  }

  async function inRealTime<T>(work: () => Promise<T>): Promise<T> {
    busy++;
    try {
      return await work();
    } finally {
      busy--;
      clock.touch();
    }
  }

  /** Lets time pass until the work has ended. */
  async function settle<T>(work: Promise<T>): Promise<T> {
    const result = await clock.settle(work, () => busy > 0 && clock.touch());
    if (violations.length > 0) throw violations[0];
    return result;
  }

  function keyOf(keys: Map<string, Key>, identity: number, resource: string): Key {
    let key = keys.get(resource);
    if (!key) {
      key = { name: `identity ${identity}, ${resource}`, inFlight: 0, lastRequestOn: -Infinity, failures: [] };
      keys.set(resource, key);
    }
    return key;
  }

  async function request<T>(key: Key, { signal, isSignIn, send, fail, read }: MonthRequest<T>): Promise<T> {
    const sentOn = programNow();
    const since = key.tryingSince ??= sentOn;
    figures.requests++;
    if (++key.inFlight > 1 && !isDying(key.token, sentOn)) {
      violated(key, "A second request was sent before the response to the first");
    }
    key.lastRequestOn = clock.now();
    try {
      await clock.sleep(between(5, 200), signal);
      if (!isSignIn && (outageAt(clock.now()) || random() < faultRate)) {
        figures.failedRequests++;
        key.failures.push(clock.now());
        const fault = FAULT_KINDS[between(0, FAULT_KINDS.length - 1)]!;
        if (fault === "silent") await clock.sleep(Infinity, signal);
        return fail(fault as Exclude<MonthFault, "silent">, between(1, MAX_RETRY_AFTER_IN_S));
      }
      const response = await inRealTime(send);
      const body = read(response);
      if (!body) return response;
      figures.refreshes++;
      const { token } = key;
      const isEarly = token && since < token.dueOn && since > token.acquiredOn - 5 * MINUTE;
      if (isEarly && token.isOfDying && sentOn - token.acquiredOn < LONGEST_DEADLINE) figures.superfluous++;
      else if (isEarly) {
        violated(key, `Its token was replaced ${(token.dueOn - since) / SECOND} s too early`);
      }
      const expiresOn = body.expires_on !== undefined
        ? Number(body.expires_on) * SECOND
        : sentOn + Number(body.expires_in) * SECOND;
      const isOfDying = isDying(token, programNow());
      key.token = {
        acquiredOn: sentOn,
        expiresOn,
        dueOn: dueOn(sentOn, expiresOn, body.refresh_in),
        offset,
        isOfDying,
      };
      key.tryingSince = undefined;
      key.failures = [];
      return response;
    } finally {
      key.inFlight--;
      clock.touch();
    }
  }

  async function start(): Promise<void> {
    program = await Promise.all(identities.map(async ({ connect }, index) => {
      const keys = new Map<string, Key>();
      const connection: Connection = {
        runtime: { now: programNow, sleep: clock.sleep },
        request: (asked) => request(keyOf(keys, index, asked.resource), asked),
        through: (fetch) => fetchThrough(connection, fetch),
      };
      return { credential: await connect(connection), keys };
    }));
  }

  /** Returns the claims of a token, which must be for the resource and the identity. */
  function checkToken(token: string, resource: string, index: number): Claims {
    const name = `${index} ${resource} ${token}`;
    const known = checked.get(name);
    if (known) return known;
    const claims = checkClaims(token, resource, identities[index]!.claims);
    assert.equal(claims.oid, objectIds.get(index) ?? claims.oid, "The token is of another identity");
    objectIds.set(index, claims.oid);
    checked.set(name, claims);
    return claims;
  }

  async function call(): Promise<void> {
    const index = between(0, identities.length - 1);
    const resource = RESOURCES[random() < 0.97 ? 0 : between(1, RESOURCES.length - 1)]!;
    const { credential, keys } = program[index]!;
    const key = keyOf(keys, index, resource);
    const began = clock.now();
    const { token: known } = key;
    figures.calls++;
    if (!known || programNow() >= known.dueOn) key.owedSince ??= began;
    try {
      const { token, expiresOnTimestamp } = await credential.getToken(`${resource}/.default`);
      const { exp } = checkToken(token, resource, index);
      assert.ok(programNow() < expiresOnTimestamp, "The token has expired");
      // A program whose clock is behind, or was set back, cannot know that a token has expired.
      const unknowable = Math.max(0, -offset, key.token!.offset - offset);
      assert.ok(clock.now() - unknowable < exp * SECOND, "The token has really expired");
    } catch (error) {
      const { name, message } = error as Error;
      if (name === "AssertionError") return violated(key, message);
      assert.match(name, FAILURE, message);
      figures.failedCalls++;
      if (outageAt(began)) figures.failedCallsInOutages++;
      if (known && programNow() > known.acquiredOn - 5 * MINUTE && programNow() < known.expiresOn - SECOND) {
        violated(key, `A call failed although there was a token: ${message}`);
      }
      // The call may have joined a request that began before, or it failed in the pause that the service asked for.
      const earliest = began - LONGEST_DEADLINE - MAX_RETRY_AFTER_IN_S * SECOND;
      const failures = key.failures.filter((time) => time >= earliest).length;
      if (failures < row.attempts && clock.now() - began < DEADLINE) {
        violated(key, `A call failed after ${failures} failed requests: ${message}`);
      }
    }
  }

  /** Checks that each call with a token that is due led to a request, unless an earlier request has just failed. */
  function checkDebts(): void {
    for (const { keys } of program) {
      for (const key of keys.values()) {
        const { owedSince, lastRequestOn } = key;
        if (owedSince === undefined) continue;
        if (lastRequestOn < owedSince - LONGEST_DEADLINE - PAUSE) {
          violated(key, "Its token was due and was not requested");
        }
        key.owedSince = undefined;
      }
    }
  }

  await withGlobals(programNow, random, () =>
    withoutSignatures(inRealTime, async () => {
      identities = await inRealTime(async () => await row.create(clock));
      await settle(start());
      const end = START + 30 * DAY;
      let day = 0;
      for (let wasOut = false; clock.now() < end;) {
        if (clock.now() >= START + day * DAY) {
          day++;
          faultRate = FAULTS.from + random() * (FAULTS.to - FAULTS.from);
        }
        if (clock.now() >= (restarts[0] ?? Infinity)) {
          restarts.shift();
          await settle(start());
        }
        if (clock.now() >= (jumps[0]?.at ?? Infinity)) offset = jumps.shift()!.offset;
        const outage = outageAt(clock.now());
        const isOut = outage !== undefined;
        const callers = wasOut && !isOut ? 50 : random() < 0.1 ? between(2, 6) : 1;
        wasOut = isOut;
        await settle(Promise.all(Array.from({ length: callers }, () => call())));
        // Seldom in the long outage, because each call sends several requests.
        const isLong = outage !== undefined && outage.to - outage.from > 2 * HOUR;
        await settle(clock.sleep(between(5 * SECOND, isLong ? row.livesInMs / 12 : 36 * MINUTE)));
        checkDebts();
        if (violations.length > 0) throw violations[0];
      }
    }));
  return figures;
}

/**
 * Runs work with signatures that take no time and prove nothing: thousands of them would take most of the time. The
 * rehearsal uses real ones.
 */
async function withoutSignatures<T>(
  inRealTime: <K>(work: () => Promise<K>) => Promise<K>,
  work: () => Promise<T>,
): Promise<T> {
  const { subtle } = crypto;
  const importKey = subtle.importKey.bind(subtle) as (...args: unknown[]) => Promise<CryptoKey>;
  // By kind: which key it is makes no difference.
  const keys = new Map<string, Promise<CryptoKey>>();
  const replaced = {
    sign: () => Promise.resolve(new ArrayBuffer(32)),
    verify: () => Promise.resolve(true),
    importKey(...args: unknown[]): Promise<CryptoKey> {
      const [format, , algorithm, , usages] = args;
      const kind = JSON.stringify([format, algorithm, usages]);
      if (!keys.has(kind)) keys.set(kind, inRealTime(() => importKey(...args)));
      return keys.get(kind)!;
    },
  };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(subtle, name, { configurable: true, value });
  }
  try {
    return await work();
  } finally {
    for (const name of Object.keys(replaced)) delete (subtle as unknown as Record<string, unknown>)[name];
  }
}

function fetchThrough({ request }: Connection, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const { pathname, searchParams: query } = new URL(String(input));
    const form = new URLSearchParams(String(init?.body ?? ""));
    const scope = query.get("resource") ?? form.get("resource") ?? form.get("scope")?.split(" ")[0];
    // Other requests: the code of a sign-in on a device.
    if (scope == null || pathname.endsWith("/devicecode")) return await fetch(input, init);
    const { status, headers, text } = await request<{ status: number; headers: HeadersInit; text: string }>({
      resource: scope.replace(/\/\.default$/, ""),
      signal: init?.signal ?? undefined,
      isSignIn: form.get("grant_type")?.endsWith(":device_code") ?? false,
      async send() {
        const response = await fetch(input, init);
        return { status: response.status, headers: response.headers, text: await response.text() };
      },
      fail(fault, retryAfterInS) {
        if (fault === "refused") throw new TypeError("fetch failed: Connection refused");
        const headers: HeadersInit = fault === "429" ? { "retry-after": String(retryAfterInS) } : {};
        return { status: Number(fault), headers, text: '{"error":"unavailable"}' };
      },
      read: ({ status, text }) => status === 200 ? JSON.parse(text) : undefined,
    });
    return new Response(text, { status, headers });
  };
}

/** Returns when a token must be replaced: the rule that the library documents. */
function dueOn(acquiredOn: number, expiresOn: number, refreshIn: string | number | undefined): number {
  const lifetime = expiresOn - acquiredOn;
  if (refreshIn !== undefined) return acquiredOn + Number(refreshIn) * SECOND;
  return lifetime >= 2 * HOUR ? acquiredOn + lifetime / 2 : expiresOn - Math.min(5 * MINUTE, lifetime / 2);
}

/**
 * Whether the token is in its last half second or has expired. A caller then does not wait for a background refresh that
 * is in flight, because its attempts are shorter and it may not prompt the user, and sends a request of its own.
 */
function isDying(token: Key["token"], now: number): boolean {
  return token !== undefined && now >= token.expiresOn - SECOND / 2;
}

function checkClaims(
  token: string,
  resource: string,
  claims: Readonly<Record<string, string>>,
): Claims {
  const found = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  assert.equal(found.aud, resource);
  for (const [name, value] of Object.entries(claims)) assert.equal(found[name], value);
  return found;
}
