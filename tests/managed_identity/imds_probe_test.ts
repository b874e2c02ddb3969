import { ChainedTokenCredential, type CredentialOptions, ManagedIdentityCredential } from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IMDS, machineAnswer, machineOptions, MACHINES, VAULT } from "../support/managed_identity/machine.ts";
import { type Asked, createService, failureOf, jsonAnswer, silence } from "../support/service.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");
// On workerd a request must not await a promise of another request.
const shares = detectPlatform() !== "workerd";

function isProbe({ headers }: Asked): boolean {
  return !headers.has("metadata");
}

function metadata(request: Asked): Response {
  if (!isProbe(request)) return machineAnswer({ expires_on: undefined, expires_in: 86_400 });
  const body = { error: "invalid_request", error_description: "Required metadata header not specified" };
  return jsonAnswer(body, { status: 400 });
}

interface Machine extends Omit<CredentialOptions, "runtime"> {
  readonly clock?: FakeClock;
  readonly probeTimeoutInMs?: number;
}

/** Creates a chain of a managed identity and a fallback. */
function chainOn(
  respond: (request: Asked, index: number) => unknown,
  { clock = createFakeClock(NOW), env = {}, ...options }: Machine = {},
) {
  const service = createService(respond);
  const machine = machineOptions({ env: env as Record<string, string>, service });
  const all = { ...machine, ...options, runtime: { ...machine.runtime, ...clock } };
  const managed = new ManagedIdentityCredential(all);
  const fallback = { getToken: () => Promise.resolve({ token: "of the next", expiresOnTimestamp: NOW * 2 }) };
  return { chain: new ChainedTokenCredential(managed, fallback), managed, service, clock, all };
}

/** Gets a token from another chain on the same machine, which shares only the cached result of the probe. */
async function getTokenAgain({ all }: ReturnType<typeof chainOn>): Promise<string> {
  const managed = new ManagedIdentityCredential({ ...all, clientId: crypto.randomUUID(), cache: false });
  const fallback = { getToken: () => Promise.resolve({ token: "of the next", expiresOnTimestamp: NOW * 2 }) };
  return (await new ChainedTokenCredential(managed, fallback).getToken(VAULT)).token;
}

test("in a chain the credential sends one probe, which IMDS rejects, and then the token request", async () => {
  const { chain, service } = chainOn(metadata);
  assert.equal((await chain.getToken(VAULT)).token, "a-token");
  const [probe, real] = service.requests;
  assert.equal(service.requests.length, 2);
  assert.equal(probe!.url, IMDS);
  assert.equal(probe!.method, "GET");
  assert.deepEqual([...probe!.headers], []);
  assert.equal(real!.headers.get("metadata"), "true");
});

test("outside of a chain the credential sends no probe", async () => {
  const { managed, service } = chainOn(metadata);
  await managed.getToken(VAULT);
  assert.equal(service.requests.length, 1);
});

describe("a response from", () => {
  const responses: [string, () => unknown, "present" | "absent" | "inconclusive"][] = [
    ["IMDS", () => jsonAnswer({ error: "invalid_request" }, { status: 400 }), "present"],
    ["IMDS, during an upgrade", () => new Response("", { status: 410 }), "present"],
    ["IMDS, while throttling", () => new Response("", { status: 429 }), "present"],
    ["IMDS, with an error of the service", () => jsonAnswer({ error: "unknown" }, { status: 500 }), "present"],
    [
      "Azure Container Instances",
      () => new Response("Required metadata header not specified or not correct", { status: 400 }),
      "present",
    ],
    ["Azure Container Instances, with an empty body", () => new Response("", { status: 400 }), "present"],
    ["IMDS, overloaded", () => new Response("Internal Server Error", { status: 500 }), "inconclusive"],
    ["IMDS, overloaded, with an empty body", () => new Response("", { status: 503 }), "inconclusive"],
    ["a proxy that cannot reach IMDS", () => new Response("<html>Bad gateway", { status: 502 }), "inconclusive"],
    ["a proxy that times out", () => new Response("", { status: 504 }), "inconclusive"],
    ["Docker Desktop", () => new Response("connectex: unreachable network", { status: 403 }), "absent"],
    ["Docker Desktop, in JSON", () => jsonAnswer({ error: "unreachable network" }, { status: 403 }), "absent"],
    ["the metadata service of Firecracker", () => new Response("No MMDS token provided", { status: 401 }), "absent"],
    ["a proxy that denies", () => new Response("<html>denied", { status: 403 }), "absent"],
    ["a captive portal", () => new Response("<html>Sign in"), "absent"],
    [
      "a captive portal that redirects",
      () => new Response("", { status: 302, headers: { location: "http://portal.example" } }),
      "absent",
    ],
    ["no service", () => Promise.reject(new TypeError("connect ECONNREFUSED")), "absent"],
    ["another service", () => jsonAnswer({ status: "up" }), "absent"],
    ["an array", () => jsonAnswer([{ error: "x" }], { status: 400 }), "absent"],
    ["a server without that page", () => new Response("", { status: 404 }), "absent"],
  ];
  for (const [who, respond, finding] of responses) {
    test(`${who}: ${finding}`, async () => {
      let isHealed = false;
      const machine = chainOn((request) =>
        isHealed ? metadata(request) : isProbe(request) ? respond() : machineAnswer()
      );
      const { chain, service, clock } = machine;
      const { token } = await chain.getToken(VAULT);
      assert.equal(token, finding === "present" ? "a-token" : "of the next");
      assert.equal(service.requests.length, finding === "present" ? 2 : 1);
      if (finding === "present") return;
      // An inconclusive finding is cached for ten seconds, an absence for longer.
      isHealed = true;
      await clock.advance(9_999);
      assert.equal(await getTokenAgain(machine), "of the next");
      await clock.advance(1);
      assert.equal(await getTokenAgain(machine), finding === "inconclusive" ? "a-token" : "of the next");
    });
  }
});

describe("the probe times out after", () => {
  for (
    const [how, options, ms] of [
      ["one second", {}, 1000],
      ["the time of the option", { probeTimeoutInMs: 300 }, 300],
      ["the time of the variable", { env: { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "250" } }, 250],
      ["the time of the option, not of the variable", {
        probeTimeoutInMs: 300,
        env: { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "250" },
      }, 300],
    ] as const
  ) {
    test(how, async () => {
      const { chain, service, clock } = chainOn(silence, options);
      const getting = chain.getToken(VAULT);
      assert.equal(await clock.untilSleeping(60_000), ms);
      await clock.advance(ms);
      assert.equal((await getting).token, "of the next");
      assert.equal(service.requests.length, 1);
      assert.deepEqual(clock.sleeping, []);
    });
  }

  test("a variable that is not a number causes an error that names it", async () => {
    const { chain, service } = chainOn(metadata, { env: { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "1s" } });
    const error = await failureOf(chain.getToken(VAULT));
    assert.equal(error.name, "AuthenticationError");
    assert.ok(!error.message.includes("1s"));
    assert.match(
      error.message,
      /AZURE_IMDS_PROBE_TIMEOUT_IN_MS: It must be a number of milliseconds with at most six digits$/,
    );
    assert.equal(service.requests.length, 0);
  });

  test("a response whose body never arrives times out too", async () => {
    const withoutBody = () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }), { status: 400 });
    const { chain, clock } = chainOn(withoutBody);
    const getting = chain.getToken(VAULT);
    await clock.untilSleeping(60_000);
    await clock.advance(1000);
    assert.equal((await getting).token, "of the next");
  });
});

describe("the result of the probe is cached", () => {
  test("for a minute if the service is absent", async () => {
    let isThere = false;
    const machine = chainOn((request) => isThere ? metadata(request) : new Response("", { status: 404 }));
    assert.equal((await machine.chain.getToken(VAULT)).token, "of the next");
    isThere = true;
    await machine.clock.advance(59_999);
    assert.equal(await getTokenAgain(machine), "of the next");
    assert.equal(machine.service.requests.length, 1);
    await machine.clock.advance(1);
    assert.equal(await getTokenAgain(machine), "a-token");
    assert.equal(machine.service.requests.filter(isProbe).length, 2);
  });

  test("for the lifetime of the process if the service is present", async () => {
    const machine = chainOn(metadata);
    await machine.chain.getToken(VAULT);
    await machine.clock.advance(30 * 86_400_000);
    assert.equal(await getTokenAgain(machine), "a-token");
    assert.equal(machine.service.requests.filter(isProbe).length, 1);
  });

  test("not after the clock went back", async () => {
    let isThere = false;
    const machine = chainOn((request) => isThere ? metadata(request) : new Response("", { status: 404 }));
    await machine.chain.getToken(VAULT);
    isThere = true;
    machine.clock.set(NOW - 3_600_000);
    assert.equal(await getTokenAgain(machine), "a-token");
  });

  test("and concurrent callers share one probe if the platform allows", async () => {
    const machine = chainOn(metadata);
    await Promise.all(Array.from({ length: 5 }, () => getTokenAgain(machine)));
    assert.equal(machine.service.requests.filter(isProbe).length, shares ? 1 : 5);
  });

  test("and an aborted caller does not affect the others", async () => {
    const machine = chainOn((request) =>
      isProbe(request) ? new Promise((resolve) => setTimeout(() => resolve(metadata(request)), 1)) : machineAnswer()
    );
    const controller = new AbortController();
    const left = failureOf(machine.chain.getToken(VAULT, { abortSignal: controller.signal }));
    const stayed = getTokenAgain(machine);
    controller.abort();
    assert.equal((await left).name, "AbortError");
    assert.equal(await stayed, "a-token");
  });
});

describe("no probe is sent", () => {
  for (const [name, env] of Object.entries(MACHINES)) {
    if (name === "IMDS") continue;
    test(`for ${name}`, async () => {
      const { chain, service } = chainOn(() => machineAnswer(), { env });
      assert.equal((await chain.getToken(VAULT)).token, "a-token");
      assert.equal(service.requests.length, 1);
      assert.ok(!service.requests[0]!.url.startsWith(IMDS));
    });
  }

  test("if a variable names the metadata service", async () => {
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:2579" };
    const { chain, service } = chainOn(() => machineAnswer(), { env });
    assert.equal((await chain.getToken(VAULT)).token, "a-token");
    assert.equal(service.requests.length, 1);
  });

  test("on Deno Deploy", async () => {
    const { all, service } = chainOn(metadata);
    const { localFetch: _, ...options } = { ...all, env: { DENO_DEPLOYMENT_ID: "an-id" } };
    const error = await failureOf(new ManagedIdentityCredential(options).getToken(VAULT));
    assert.equal(error.name, "CredentialUnavailableError");
    assert.match(error.message, /this runtime has no metadata service$/);
    assert.equal(service.requests.length, 0);
  });

  const isolate = ["workerd", "web"].includes(detectPlatform());
  if (isolate) {
    test("on Workers, edge isolates and in browsers", async () => {
      const error = await failureOf(new ManagedIdentityCredential({ env: {} }).getToken(VAULT));
      assert.equal(error.name, "CredentialUnavailableError");
      assert.match(error.message, /this runtime has no metadata service$/);
    });
  }
});
