// Calls credentials at a constant rate, on Deno or Node. The argument is the plan as JSON. Writes the findings to a file,
// as JSON.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { ClientSecretCredential } from "@azweb/identity";

/** @type {import("./plan.ts").Plan} */
const plan = JSON.parse(process.argv[2]);
const { authorityHost, tenantId, secret, apps, resources, seconds, rate } = plan;
const TICK_IN_MS = 10;
/** The time between two measurements of the heap. */
const MEASURE_IN_MS = Math.max(1000, seconds * 1000 / 60);
/** The time after which the signal of `abortedResource` is aborted and replaced. */
const ABORT_IN_MS = 1000;
/** Longer than the credential's own time limit. */
const STUCK_IN_MS = 150_000;

const findings = {
  calls: 0,
  tokens: 0,
  aborted: 0,
  expired: 0,
  /** The longest time by which a returned token had already expired. */
  expiredForMs: 0,
  /** Tokens of another app or for another resource. */
  wrong: 0,
  /** Calls that did not settle. */
  stuck: 0,
  /** @type {{ from: number, to: number, count: number, message: string }[]} Errors, grouped by second. */
  errors: [],
  /** @type {number[]} Bytes of the heap in use, after a garbage collection. */
  heap: [],
  /** The largest number of requests in flight for the same token: of `abortedResource`, and of the other resources. */
  overlap: { common: 0, aborted: 0 },
  requests: 0,
  longestInMs: 0,
  /** The longest time in which the event loop did not run a timer. The library does not cause delays up to this time. */
  longestPauseInMs: 0,
  /** Listeners on the signal that half of the calls share. */
  listeners: 0,
  lastListeners: 0,
};

const inFlight = new Map();

/** `fetch`, which counts the requests in flight for the same token. */
async function countingFetch(url, init) {
  const form = new URLSearchParams(String(init.body));
  const [app, resource] = [form.get("client_id"), form.get("scope").replace("/.default", "")];
  const key = `${app} ${resource}`;
  const group = resource === plan.abortedResource ? "aborted" : "common";
  const count = (inFlight.get(key) ?? 0) + 1;
  inFlight.set(key, count);
  findings.requests++;
  findings.overlap[group] = Math.max(findings.overlap[group], count);
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    inFlight.set(key, inFlight.get(key) - 1);
  };
  init.signal?.addEventListener("abort", end, { once: true });
  try {
    return await fetch(url, init);
  } finally {
    end();
  }
}

const credentials = apps.map((clientId) =>
  new ClientSecretCredential(tenantId, clientId, secret, {
    authorityHost,
    disableInstanceDiscovery: true,
    fetch: countingFetch,
    cache: new Map(),
  })
);

let listeners = 0;
const shared = new AbortController();
// Counts the listeners in both runtimes, without an API of Node.
for (const [name, change] of [["addEventListener", 1], ["removeEventListener", -1]]) {
  const original = shared.signal[name].bind(shared.signal);
  shared.signal[name] = (type, ...rest) => {
    if (type === "abort") listeners += change;
    return original(type, ...rest);
  };
}
let aborting = new AbortController();

/** Claims by token, so that a cached token is decoded only once. */
const known = new Map();

function isRight(token, app, resource) {
  let claims = known.get(token);
  if (!claims) {
    if (known.size > 200) known.clear();
    claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    known.set(token, claims);
  }
  return claims.appid === app && claims.aud === resource;
}

/** Errors, grouped by the seconds in which the calls began and ended, because single errors would fill the heap. */
const groups = new Map();

function addError(from, to, message) {
  const key = `${Math.floor(from / 1000)} ${Math.floor(to / 1000)}`;
  const group = groups.get(key);
  if (!group) {
    groups.set(key, { from, to, count: 1, message });
    return;
  }
  group.count++;
  // The latest beginning and the earliest end, to be compared with the times of an outage.
  group.from = Math.max(group.from, from);
  group.to = Math.min(group.to, to);
}

let open = 0;

async function call(index) {
  const app = index % apps.length;
  const resource = resources[Math.floor(index / apps.length) % resources.length];
  // The calls for one resource share a signal that is aborted from time to time. Half of the others share another one.
  const abortSignal = resource === plan.abortedResource
    ? aborting.signal
    : Math.floor(index / (apps.length * resources.length)) % 2 === 0
    ? shared.signal
    : undefined;
  const from = Date.now();
  open++;
  try {
    const { token, expiresOnTimestamp } = await credentials[app].getToken(`${resource}/.default`, { abortSignal });
    findings.tokens++;
    const expiredForMs = Date.now() - expiresOnTimestamp;
    if (expiredForMs >= 0) findings.expired++;
    findings.expiredForMs = Math.max(findings.expiredForMs, expiredForMs);
    if (!isRight(token, apps[app], resource)) findings.wrong++;
  } catch ({ name, message }) {
    if (name === "AbortError" && abortSignal?.aborted) findings.aborted++;
    else addError(from, Date.now(), `${name}: ${message}`);
  } finally {
    open--;
    findings.longestInMs = Math.max(findings.longestInMs, Date.now() - from);
  }
}

const start = performance.now();
let last = start;
let lastMeasurement = start;
let lastAbort = start;
while (performance.now() - start < seconds * 1000) {
  await new Promise((resolve) => setTimeout(resolve, TICK_IN_MS));
  const now = performance.now();
  findings.longestPauseInMs = Math.max(findings.longestPauseInMs, Math.round(now - last));
  last = now;
  const wanted = Math.min(seconds * 1000, now - start) / 1000 * rate;
  while (findings.calls < wanted) call(findings.calls++);
  if (now - lastAbort > ABORT_IN_MS) {
    lastAbort = now;
    aborting.abort();
    aborting = new AbortController();
  }
  if (now - lastMeasurement > MEASURE_IN_MS) {
    lastMeasurement = now;
    globalThis.gc?.();
    findings.heap.push(process.memoryUsage().heapUsed);
    findings.listeners = Math.max(findings.listeners, listeners);
  }
}
const end = performance.now() + STUCK_IN_MS;
while (open > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
findings.stuck = open;
findings.lastListeners = listeners;
findings.errors = [...groups.values()];
writeFileSync(plan.findings, JSON.stringify(findings));
process.exit();
