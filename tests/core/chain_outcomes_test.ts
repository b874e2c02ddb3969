// Which credential of a chain returns the token after another one fails: for the same call, and for later calls.
import {
  type AccessToken,
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  CredentialUnavailableError,
  DefaultAzureCredential,
  ManagedIdentityCredential,
  type TokenCredential,
} from "@azweb/identity";
import {
  createArcServer,
  createContainerInstance,
  createFakeClock,
  createServiceFabricNode,
  createVirtualMachine,
  type FakeClock,
  type Machine,
  StaticCredential,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { createLaptop, metadata, signedOut } from "../support/developer_tools/laptop.ts";
import { arcAnswers, CLIENT_ID, machineAnswer, MACHINES, VAULT } from "../support/managed_identity/machine.ts";
import { turn } from "../support/core/passing_time.ts";
import {
  type Asked,
  breathe,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";
import { ANSWERS, createPrograms, hang, HOUR } from "../support/developer_tools/tool.ts";

const ONCE = { retryOptions: { maxRetries: 0 } };

/** Whether a request is the probe for a metadata service, which lacks a header that token requests have. */
function isProbe({ headers }: Asked): boolean {
  return !headers.has("metadata");
}

/** Rejects as `fetch` does where the connection is refused. */
function refuse(): Promise<never> {
  return Promise.reject(new TypeError("connect ECONNREFUSED"));
}

/** Waits until background work without timers has ended. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) {
    // Waits in the same queue as the digests that the library has started, which other threads compute.
    await crypto.subtle.digest("SHA-256", new Uint8Array());
    await breathe();
  }
}

// Loads the modules that are imported on demand.
before(() => createLaptop({ has: ["AzureCliCredential"] }).credential.getToken(SCOPE));

/** Advances the clock until the work has ended. */
async function passTime<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let hasEnded = false;
  const end = () => void (hasEnded = true);
  work.then(end, end);
  while (!hasEnded) {
    await turn();
    await clock.advance(100);
  }
  return await work;
}

describe("a managed identity that is configured by variables and fails ends the chain, and is used when it has recovered", () => {
  const faults: Record<string, () => unknown> = {
    "connection refused": refuse,
    "connection reset in the body": () =>
      new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError("reset")) })),
    "a web page": () => new Response("<!DOCTYPE html>"),
    "403 without a body": () => new Response("", { status: 403 }),
    "500 without a body": () => new Response("", { status: 500 }),
  };
  for (const [name, variables] of Object.entries(MACHINES)) {
    if (name === "IMDS") continue;
    for (const [fault, answer] of Object.entries(faults)) {
      test(`${name}, ${fault}`, async () => {
        let isFailing = true;
        const laptop = createLaptop({
          has: ["AzureCliCredential"],
          variables,
          localAnswer: (asked) => isFailing ? answer() : name === "Azure Arc" ? arcAnswers(asked) : machineAnswer(),
          files: { "/var/opt/azcmagent/tokens/a.key": "a-key" },
          ...ONCE,
        });
        const { name: error, message } = await failureOf(laptop.credential.getToken(SCOPE));
        assert.equal(error, "AuthenticationError", message);
        isFailing = false;
        assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
        assert.deepEqual(laptop.ran(), []);
        assert.deepEqual(laptop.selected(), ["ManagedIdentityCredential"]);
      });
    }
  }
});

test("Service Fabric with another certificate than the pinned one ends the chain at once", async () => {
  const clock = createFakeClock();
  const node = createServiceFabricNode({ clock });
  const start = clock.now();
  node.env.IDENTITY_SERVER_THUMBPRINT = "00".repeat(20);
  const programs = createPrograms(() => ANSWERS.az());
  const credential = new DefaultAzureCredential({
    ...node.options,
    env: { ...node.env, PATH: "/usr/bin", HOME: "/home/jo" },
    runtime: { ...node.options.runtime, run: programs.run },
  });
  const { name, message } = await failureOf(credential.getToken(SCOPE));
  assert.equal(name, "AuthenticationError");
  assert.match(message, /^ManagedIdentityCredential: Cannot trust ".*": The thumbprint of the server's certificate/);
  assert.equal(clock.now(), start);
  assert.equal(programs.started.length, 0);
});

describe("a metadata service that responds to the probe, and then fails, ends the chain", () => {
  const faults: [string, (asked: Asked) => unknown][] = [
    ["drops the connection", refuse],
    ["rejects the resource", () => jsonAnswer({ error: "invalid_resource" }, { status: 400 })],
    ["denies access", () => new Response("", { status: 403 })],
    ["sends a web page", () => new Response("<!DOCTYPE html>")],
  ];
  for (const [fault, answer] of faults) {
    test(fault, async () => {
      let isFailing = true;
      const laptop = createLaptop({
        has: ["AzureCliCredential"],
        hasProfile: false,
        localAnswer: (asked) => isProbe(asked) || !isFailing ? metadata(asked) : answer(asked),
        ...ONCE,
      });
      assert.equal((await failureOf(laptop.credential.getToken(SCOPE))).name, "AuthenticationError");
      isFailing = false;
      assert.equal((await laptop.credential.getToken(VAULT)).token, "a-token");
      assert.deepEqual(laptop.ran(), []);
    });
  }
});

describe("a server error in response to the probe, which may come from the metadata service", () => {
  for (const status of [500, 502, 503, 504]) {
    test(`${status}: az is used for at most 10 s, then the managed identity`, async () => {
      const clock = createFakeClock();
      let isUp = false;
      const localAnswer = (asked: Asked) => isUp ? metadata(asked) : new Response("upstream error", { status });
      const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      isUp = true;
      await clock.advance(9_000);
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      await clock.advance(2_000);
      // A call with a cached token does not wait for the probe, which continues in the background.
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      await settle();
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
      await clock.advance(HOUR);
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
      assert.equal(laptop.ran().length, 1);
    });

    test(`${status}: after 10 s, a call without a cached token waits for the probe`, async () => {
      const clock = createFakeClock();
      let isUp = false;
      const localAnswer = (asked: Asked) => isUp ? metadata(asked) : new Response("upstream error", { status });
      const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      isUp = true;
      await clock.advance(11_000);
      assert.equal((await laptop.credential.getToken(VAULT)).token, "a-token");
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
    });
  }

  test("frequent calls and a slow probe do not prolong the 10 s", async () => {
    const clock = createFakeClock();
    const start = clock.now();
    let isUp = false;
    const localAnswer = (asked: Asked) =>
      isUp ? metadata(asked) : clock.sleep(400, asked.signal).then(() => new Response("", { status: 503 }));
    const laptop = createLaptop({ has: ["AzureCliCredential"], hasProfile: false, localAnswer, clock });
    assert.equal((await passTime(clock, laptop.credential.getToken(SCOPE))).token, "of az");
    isUp = true;
    let token = "of az";
    for (let waited = 0; token === "of az" && waited < 30_000; waited += 100) {
      await clock.advance(100);
      ({ token } = await passTime(clock, laptop.credential.getToken(SCOPE)));
    }
    assert.equal(token, "a-token");
    assert.ok(clock.now() - start <= 11_000, `${clock.now() - start} ms`);
  });

  test("calls without a cached token wait for a managed identity whose first token is slow", async () => {
    const clock = createFakeClock();
    let isUp = false;
    const localAnswer = (asked: Asked) =>
      !isUp
        ? new Response("", { status: 503 })
        : isProbe(asked)
        ? metadata(asked)
        : clock.sleep(12_000, asked.signal).then(() => jsonAnswer({ error: "forbidden" }, { status: 403 }));
    const laptop = createLaptop({ has: ["AzureCliCredential"], hasProfile: false, localAnswer, clock });
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    isUp = true;
    await clock.advance(11_000);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    const failure = await passTime(clock, failureOf(laptop.credential.getToken(VAULT)));
    assert.equal(failure.name, "AuthenticationError");
    // After that failure, az is no longer used, although the token of az has not expired.
    const next = await passTime(clock, failureOf(laptop.credential.getToken(SCOPE)));
    assert.equal(next.name, "AuthenticationError");
    assert.equal(laptop.ran().length, 1);
  });

  test("az is used as long as the error persists, and is not started again", async () => {
    const clock = createFakeClock();
    const localAnswer = () => new Response("", { status: 503 });
    const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
    for (let second = 0; second < 600; second += 7) {
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      await settle();
      await clock.advance(7_000);
    }
    assert.equal(laptop.ran().length, 1);
    const probes = laptop.localService.requests.length;
    assert.ok(probes > 30 && probes <= 61, `${probes} probes`);
  });

  test("a managed identity that is found in the background, and then fails, is not replaced by az", async () => {
    const clock = createFakeClock();
    let isUp = false;
    const localAnswer = (asked: Asked) =>
      !isUp
        ? new Response("", { status: 503 })
        : isProbe(asked)
        ? metadata(asked)
        : jsonAnswer({ error: "x" }, { status: 403 });
    const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    isUp = true;
    await clock.advance(11_000);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    await settle();
    assert.equal((await failureOf(laptop.credential.getToken(SCOPE))).name, "AuthenticationError");
  });
});

test("the result of a probe with a short time limit does not apply to a probe with a longer limit", async () => {
  const clock = createFakeClock();
  const service = createService(async ({ headers, signal }) => {
    if (headers.has("metadata")) return machineAnswer();
    await clock.sleep(500, signal);
    return jsonAnswer({ error: "invalid_request" }, { status: 400 });
  });
  const options = isolatedOptions(service, clock);
  function getToken(probeTimeoutInMs?: number): Promise<AccessToken> {
    const machine = new ManagedIdentityCredential({ ...options, probeTimeoutInMs });
    return new ChainedTokenCredential(machine, new StaticCredential("other")).getToken(SCOPE);
  }
  const short = getToken(100);
  await clock.untilSleeping(100);
  await clock.advance(100);
  assert.equal((await short).token, "other");
  const long = getToken();
  await service.untilRequested(2);
  await clock.advance(500);
  assert.equal((await long).token, "a-token");
});

describe("the response to the probe of the metadata service", () => {
  const json = (body: object, status: number) => () => jsonAnswer(body, { status });
  const plain = (body: string, status: number) => () => new Response(body, { status });
  const azure: Record<string, () => Response> = {
    "a virtual machine": json({ error: "invalid_request", error_description: "Required metadata header" }, 400),
    "Azure Container Instances": plain("Required metadata header not specified or not correct", 400),
    "Azure Container Instances, an empty body": plain("", 400),
    "an overloaded service, 429": plain("Too many requests", 429),
    "an overloaded service, 429 with JSON": json({ error: "too_many_requests" }, 429),
    "a service during an upgrade, 410": plain("", 410),
    "a failing service, 500 with JSON": json({ error: "internal" }, 500),
    "an overloaded service, 503 with JSON": json({ error: "unavailable" }, 503),
  };
  for (const [name, answer] of Object.entries(azure)) {
    test(`of ${name}: the managed identity is used`, async () => {
      const localAnswer = (asked: Asked) => isProbe(asked) ? answer() : machineAnswer();
      const laptop = createLaptop({ has: ["AzureCliCredential"], hasProfile: false, localAnswer });
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
      assert.deepEqual(laptop.ran(), []);
    });
  }

  const others: Record<string, () => unknown> = {
    "EC2, 401": plain("<?xml version='1.0'?><html></html>", 401),
    "Firecracker, 401 in plain text": plain("No MMDS token provided. Use `X-metadata-token` header.", 401),
    "a portal, 200": plain("<!DOCTYPE html><p>Accept the terms", 200),
    "a proxy, 403": plain("<html>Forbidden</html>", 403),
    "Docker Desktop, 403": plain("dial tcp: connectex: a socket operation to an unreachable network", 403),
    "another service, 404": plain("", 404),
    "a proxy, 400": plain("<html>Bad request</html>", 400),
    "a connection that is reset": () => Promise.reject(new TypeError("read ECONNRESET")),
    "an address without a route": refuse,
  };
  for (const [name, answer] of Object.entries(others)) {
    test(`of ${name}: there is no managed identity, and az is used permanently`, async () => {
      const clock = createFakeClock();
      let isUp = false;
      const localAnswer = (asked: Asked) => isUp ? metadata(asked) : answer();
      const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      isUp = true;
      await clock.advance(2 * HOUR);
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    });
  }

  test("a chain gets the managed identity's token on the simulated container instance", async () => {
    const machine = createContainerInstance({ clock: createFakeClock(), userAssigned: [{ clientId: CLIENT_ID }] });
    const credential = new DefaultAzureCredential({ ...machine.options, managedIdentityClientId: CLIENT_ID });
    const claims = await machine.verify((await credential.getToken(VAULT)).token);
    assert.equal(claims.appid, CLIENT_ID);
    assert.deepEqual(machine.requests.map(({ headers }) => headers.metadata), [undefined, "true"]);
  });
});

describe("a metadata service without an identity", () => {
  /** Creates a credential on a machine without an identity, on which `az` is signed in. */
  function createRunner(machine: Machine, options: object, clock: FakeClock) {
    const programs = createPrograms(() => ANSWERS.az(clock.now() - clock.now() % 1000 + HOUR));
    const messages: string[] = [];
    const files = ["/usr/bin/az", ...machine.files.keys()];
    const credential = new DefaultAzureCredential({
      ...machine.options,
      ...isolatedOptions({ fetch: refuse }),
      localFetch: machine.options.localFetch,
      runtime: {
        ...machine.options.runtime,
        ...clock,
        run: programs.run,
        fileExists: (path) => Promise.resolve(files.includes(path)),
      },
      log: ({ message }) => void messages.push(message),
      ...options,
    });
    return { credential, programs, messages };
  }
  const env = { PATH: "/usr/bin", HOME: "/home/jo" };

  for (
    const [name, create, variables] of [
      ["IMDS", createVirtualMachine, {}],
      ["Azure Arc", createArcServer, MACHINES["Azure Arc"]],
    ] as const
  ) {
    test(`${name}: az is used if AZURE_CLIENT_ID may belong to a service principal`, async () => {
      const clock = createFakeClock();
      const machine = create({ clock, systemAssigned: false });
      const options = { env: { ...env, ...variables, AZURE_CLIENT_ID: CLIENT_ID } };
      const { credential, programs, messages } = createRunner(machine, options, clock);
      assert.equal((await credential.getToken(SCOPE)).token, "of az");
      assert.ok(messages.some((message) => /inconclusive: .*The variable AZURE_CLIENT_ID was tried/.test(message)));
      // The managed identity is tried again in the background, and az is not started again.
      await clock.advance(61_000);
      assert.equal((await credential.getToken(SCOPE)).token, "of az");
      await settle();
      assert.equal(programs.started.length, 1);
    });

    test(`${name}: the chain ends if the options select an identity`, async () => {
      const clock = createFakeClock();
      const machine = create({ clock, systemAssigned: false });
      const options = { env: { ...env, ...variables }, managedIdentityClientId: CLIENT_ID };
      const { credential, programs } = createRunner(machine, options, clock);
      const { name, message } = await failureOf(credential.getToken(SCOPE));
      assert.equal(name, "AuthenticationError");
      assert.match(message, /Assign the identity to the machine/);
      assert.equal(programs.started.length, 0);
    });
  }

  test("a managed identity that is assigned later is found within a minute", async () => {
    const clock = createFakeClock();
    let hasIdentity = false;
    const localAnswer = (asked: Asked) =>
      isProbe(asked) || hasIdentity
        ? metadata(asked)
        : jsonAnswer({ error: "invalid_request", error_description: "Identity not found" }, { status: 400 });
    const laptop = createLaptop({ has: ["AzureCliCredential"], localAnswer, clock });
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    hasIdentity = true;
    await clock.advance(59_000);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    await settle();
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    await clock.advance(2_000);
    await laptop.credential.getToken(SCOPE);
    await settle();
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
  });
});

describe("a credential that cannot be used for one call", () => {
  test("a tenant that is not allowed ends the chain for that call, and the app is used for the next one", async () => {
    const service = createService(() => tokenAnswer({ access_token: "of the app" }));
    const app = new ClientSecretCredential(TENANT, CLIENT, "a-secret", isolatedOptions(service));
    const chain = new ChainedTokenCredential(app, new StaticCredential("other"));
    const error = await failureOf(chain.getToken(SCOPE, { tenantId: "99999999-2222-3333-4444-555555555555" }));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^ClientSecretCredential: .*"additionallyAllowedTenants"/);
    assert.equal((await chain.getToken(SCOPE)).token, "of the app");
  });

  test("azd is used for a call with claims, which az does not accept, and az for the next call", async () => {
    const laptop = createLaptop({ has: ["AzureCliCredential", "AzureDeveloperCliCredential"] });
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
    assert.equal((await laptop.credential.getToken(SCOPE, { claims })).token, "of azd");
    assert.deepEqual(laptop.selected(), []);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
    assert.deepEqual(laptop.selected(), ["AzureCliCredential"]);
    // az is selected now, and no other credential is used in its place.
    assert.equal((await failureOf(laptop.credential.getToken(SCOPE, { claims }))).name, "CredentialUnavailableError");
  });

  test("azd is used for a call with several scopes, and az for the next call", async () => {
    const laptop = createLaptop({ has: ["AzureCliCredential", "AzureDeveloperCliCredential"] });
    assert.equal((await laptop.credential.getToken(["https://a.example/x", "https://a.example/y"])).token, "of azd");
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
  });

  test("a call with several scopes ends the chain at a managed identity", async () => {
    const laptop = createLaptop({ has: ["ManagedIdentityCredential", "AzureDeveloperCliCredential"] });
    const error = await failureOf(laptop.credential.getToken(["https://a.example/x", "https://a.example/y"]));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /one scope at a time/);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "a-token");
  });

  test("a tenant that is not allowed for a tool makes it unavailable for that call only", async () => {
    const laptop = createLaptop({
      has: ["AzureCliCredential", "AzureDeveloperCliCredential"],
      tenantId: "a.example",
    });
    const aggregate = await failureOf(laptop.credential.getToken(SCOPE, { tenantId: "b.example" }));
    assert.equal(aggregate.name, "AggregateAuthenticationError");
    assert.match(aggregate.message, /AzureCliCredential +not for this call/);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
  });
});

describe("a developer tool that is signed in and fails", () => {
  const failures: [string, (started: Parameters<typeof hang>[0]) => unknown][] = [
    ["rejected by Microsoft Entra", () => ({ code: 1, stderr: "ERROR: AADSTS50076: multi-factor authentication" })],
    ["unreadable output", () => ({ stdout: "not JSON" })],
    ["timed out", hang],
  ];
  for (const [name, behave] of failures) {
    test(`${name}: the next tool is used until its token must be refreshed, then az again`, async () => {
      const clock = createFakeClock();
      let isFailing = true;
      const laptop = createLaptop({
        has: ["AzureCliCredential", "AzureDeveloperCliCredential"],
        tools: {
          az: (started) => isFailing ? behave(started) : ANSWERS.az(Math.floor(clock.now() / 1000) * 1000 + HOUR),
        },
        processTimeoutInMs: 5_000,
        clock,
      });
      const getting = laptop.credential.getToken(SCOPE);
      await laptop.programs.untilStarted(1);
      await clock.advance(5_000);
      assert.equal((await getting).token, "of azd");
      isFailing = false;
      await clock.advance(600_000);
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of azd");
      assert.deepEqual(laptop.ran(), ["az", "azd"]);
      await clock.advance(HOUR - 800_000);
      assert.equal((await laptop.credential.getToken(SCOPE)).token, "of az");
      assert.deepEqual(laptop.selected(), ["AzureDeveloperCliCredential", "AzureCliCredential"]);
    });
  }

  test("a tool that is not signed in is absent, and the next tool is used permanently", async () => {
    const clock = createFakeClock();
    let isSignedIn = false;
    const laptop = createLaptop({
      has: ["AzureCliCredential", "AzureDeveloperCliCredential"],
      tools: { az: () => isSignedIn ? ANSWERS.az() : signedOut() },
      clock,
    });
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of azd");
    isSignedIn = true;
    await clock.advance(2 * HOUR);
    assert.equal((await laptop.credential.getToken(SCOPE)).token, "of azd");
  });
});

describe("credentials of other packages", () => {
  class Foreign implements TokenCredential {
    error: Error | undefined;
    getToken(): Promise<AccessToken> {
      return this.error ? Promise.reject(this.error) : Promise.resolve({ token: "foreign", expiresOnTimestamp: 9e15 });
    }
  }
  const errors: [string, Error][] = [
    [
      "a CredentialUnavailableError of another package",
      Object.assign(new Error("x"), { name: "CredentialUnavailableError" }),
    ],
    ["a CredentialUnavailableError without an outcome", new CredentialUnavailableError("x")],
    ["an AuthenticationRequiredError", new AuthenticationRequiredError({ scopes: [SCOPE] })],
    [
      "an AuthenticationRequiredError of another package with an outcome",
      Object.assign(new Error("x"), { name: "AuthenticationRequiredError", outcome: "absent" }),
    ],
    ["an aggregate with an inconclusive error", aggregate("absent", "inconclusive")],
    ["an empty aggregate", new AggregateAuthenticationError([], "x")],
    ["an aggregate whose array has holes", new AggregateAuthenticationError(new Array(3), "x")],
    ["an aggregate that contains itself and many others", aggregateOfItself()],
    ...["configured", "unknown", null, 5].map((outcome): [string, Error] => {
      const members = { name: "CredentialUnavailableError", outcome, recheckAfterInMs: NaN };
      return [`an error with the unknown outcome ${outcome}`, Object.assign(new Error("x"), members)];
    }),
  ];
  for (const [name, error] of errors) {
    test(`${name} does not select a later credential permanently`, () =>
      withChain(async ({ credential, clock, foreign }) => {
        foreign.error = error;
        assert.equal(await tokenOf(credential), "later");
        foreign.error = undefined;
        await clock.advance(59_000);
        assert.equal(await tokenOf(credential), "later");
        await clock.advance(2_000);
        await tokenOf(credential);
        await settle();
        assert.equal(await tokenOf(credential), "foreign");
      }));
  }

  test("after the clock is set back, an earlier credential that recovered is used again", () =>
    withChain(async ({ credential, clock, foreign }) => {
      foreign.error = new CredentialUnavailableError("x");
      assert.equal(await tokenOf(credential), "later");
      foreign.error = undefined;
      clock.set(clock.now() - 2 * HOUR);
      assert.equal(await tokenOf(credential), "foreign");
    }));

  test("after the clock is set back, the failure of a configured credential still ends the chain", () =>
    withChain(async ({ credential, clock, foreign }) => {
      foreign.error = new CredentialUnavailableError("x");
      assert.equal(await tokenOf(credential), "later");
      clock.set(clock.now() - 2 * HOUR);
      foreign.error = new AuthenticationError("refused");
      assert.equal((await failureOf(credential.getToken(VAULT))).message, "refused");
      assert.equal((await failureOf(credential.getToken(SCOPE))).message, "refused");
    }));

  for (
    const [defect, times] of [
      ["without an expiry", {}],
      ["whose refresh time is NaN", { expiresOnTimestamp: 9e15, refreshAfterTimestamp: NaN }],
    ] as const
  ) {
    test(`a token ${defect} does not select its credential permanently`, () =>
      withChain(async ({ clock, foreign }) => {
        const later = { getToken: () => Promise.resolve({ token: "later", ...times } as AccessToken) };
        const credential = new ChainedTokenCredential(foreign, later);
        foreign.error = new CredentialUnavailableError("x");
        assert.equal(await tokenOf(credential), "later");
        foreign.error = undefined;
        await clock.advance(61_000);
        assert.equal(await tokenOf(credential), "foreign");
      }));
  }

  test("the value that a credential of another package returns is returned unchanged", async () => {
    const foreign = { getToken: () => Promise.resolve("a string" as never) };
    assert.equal(await new ChainedTokenCredential(foreign).getToken(SCOPE), "a string");
  });

  test("an inner chain is inconclusive if one of its credentials returns no token", () =>
    withChain(async ({ clock, foreign }) => {
      let isHealed = false;
      const withoutToken = { getToken: () => isHealed ? foreign.getToken() : Promise.resolve(null) };
      const absent = new Foreign();
      absent.error = new CredentialUnavailableError("x", { outcome: "absent" });
      const credential = new ChainedTokenCredential(
        new ChainedTokenCredential(absent, withoutToken),
        new StaticCredential("later"),
      );
      assert.equal(await tokenOf(credential), "later");
      isHealed = true;
      await clock.advance(61_000);
      await tokenOf(credential);
      await settle();
      assert.equal(await tokenOf(credential), "foreign");
    }));

  test("a call that began before another call failed does not select a credential", () =>
    withChain(async ({ foreign }) => {
      let resolveSlow!: (token: AccessToken) => void;
      const slow = { getToken: () => new Promise<AccessToken>((resolve) => resolveSlow = resolve) };
      const credential = new ChainedTokenCredential(foreign, slow);
      foreign.error = new CredentialUnavailableError("x", { outcome: "absent" });
      const first = credential.getToken(SCOPE);
      await settle();
      foreign.error = new AuthenticationError("refused");
      assert.equal((await failureOf(credential.getToken(SCOPE))).message, "refused");
      resolveSlow({ token: "slow", expiresOnTimestamp: 9e15 });
      assert.equal((await first).token, "slow");
      assert.equal((await failureOf(credential.getToken(SCOPE))).message, "refused");
    }));

  test("an aggregate is absent if each of its errors is, and a later credential is used permanently", () =>
    withChain(async ({ credential, clock, foreign }) => {
      foreign.error = aggregate("absent", "absent");
      assert.equal(await tokenOf(credential), "later");
      foreign.error = undefined;
      await clock.advance(2 * HOUR);
      assert.equal(await tokenOf(credential), "later");
    }));

  test("an aggregate with an error that applies to this call only does not select a later credential", () =>
    withChain(async ({ credential, foreign }) => {
      foreign.error = aggregate("absent", "not-for-this-call", "inconclusive");
      assert.equal(await tokenOf(credential), "later");
      foreign.error = undefined;
      assert.equal(await tokenOf(credential), "foreign");
    }));

  function aggregate(...outcomes: ("absent" | "inconclusive" | "not-for-this-call")[]): AggregateAuthenticationError {
    return new AggregateAuthenticationError(
      outcomes.map((outcome) => new CredentialUnavailableError("x", { outcome })),
      "x",
    );
  }

  function aggregateOfItself(): AggregateAuthenticationError {
    const errors: unknown[] = [];
    for (let index = 0; index < 8; index++) errors.push(new AggregateAuthenticationError(errors, "x"));
    return errors[0] as AggregateAuthenticationError;
  }

  /** Runs a test of the chain of `foreign` and a later credential, with a fake clock in place of `Date.now`. */
  async function withChain(
    run: (chain: { credential: TokenCredential; clock: FakeClock; foreign: Foreign }) => Promise<void>,
  ): Promise<void> {
    const { now } = Date;
    const clock = createFakeClock();
    Date.now = clock.now;
    const foreign = new Foreign();
    try {
      await run({ credential: new ChainedTokenCredential(foreign, new StaticCredential("later")), clock, foreign });
    } finally {
      Date.now = now;
    }
  }

  async function tokenOf(credential: TokenCredential): Promise<string> {
    return (await credential.getToken(SCOPE))!.token;
  }
});

test("a missing file at the certificate path of the constructor ends a chain", async () => {
  const runtime = { readTextFile: () => Promise.reject(new Error("No such file")) };
  const app = new ClientCertificateCredential(TENANT, CLIENT, "/secrets/app.pem", { env: {}, runtime });
  const error = await failureOf(new ChainedTokenCredential(app, new StaticCredential("other")).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.match(
    error.message,
    /^ClientCertificateCredential: Cannot read the certificate of "certificatePath", "\/secrets\/app\.pem"/,
  );
});

test("the error of a rejected EnvironmentCredential names it and the variables that configure it", async () => {
  const answer = () => jsonAnswer({ error: "invalid_client", error_codes: [7000215] }, { status: 401 });
  const { credential } = createLaptop({ has: ["EnvironmentCredential", "AzureCliCredential"], answer });
  const { name, message } = await failureOf(credential.getToken(SCOPE));
  assert.equal(name, "AuthenticationError");
  assert.match(message, /^EnvironmentCredential: Cannot get a token /);
  assert.match(message, /\(configured by the variables AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET\)$/);
  assert.doesNotMatch(message, /ClientSecretCredential/);
});

describe("requestOptions.timeout limits the call of a chain", () => {
  test("as a whole, and not each of its credentials", async () => {
    const clock = createFakeClock();
    const start = clock.now();
    const laptop = createLaptop({
      has: ["AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential"],
      hasProfile: false,
      tools: { az: hang, pwsh: hang, azd: hang },
      processTimeoutInMs: 1_000,
      localAnswer: () => new Promise(() => {}),
      clock,
    });
    const getting = failureOf(laptop.credential.getToken(SCOPE, { requestOptions: { timeout: 1_500 } }));
    await clock.advance(1_500);
    assert.equal((await getting).name, "TimeoutError");
    assert.equal(clock.now() - start, 1_500);
  });

  test("even if the Azure CLI was started during the probe of the metadata service", async () => {
    const clock = createFakeClock();
    const laptop = createLaptop({
      has: ["AzureCliCredential"],
      tools: { az: hang },
      localAnswer: () => new Promise(() => {}),
      clock,
    });
    const getting = failureOf(laptop.credential.getToken(SCOPE, { requestOptions: { timeout: 1_500 } }));
    await clock.advance(1_500);
    assert.equal((await getting).name, "TimeoutError");
  });
});

describe("a malformed variable causes an AuthenticationError that names it but does not contain its value", () => {
  const app = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "a-secret" };
  const certificate = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem" };
  const rows: [string, Record<string, string>][] = [
    ["AZURE_CLIENT_ID", { AZURE_CLIENT_ID: "not a client id" }],
    ["AZURE_CLIENT_ID", { ...app, AZURE_CLIENT_ID: "not a client id" }],
    ["AZURE_TENANT_ID", { ...app, AZURE_TENANT_ID: "not a tenant" }],
    ["AZURE_REGIONAL_AUTHORITY_NAME", { ...app, AZURE_REGIONAL_AUTHORITY_NAME: "not a region" }],
    ["AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", { ...certificate, AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: "not a boolean" }],
    ["AZURE_ADDITIONALLY_ALLOWED_TENANTS", { ...app, AZURE_ADDITIONALLY_ALLOWED_TENANTS: "not a tenant" }],
    ["AZURE_AUTHORITY_HOST", { ...app, AZURE_AUTHORITY_HOST: "not a URL" }],
    ["IDENTITY_ENDPOINT", { IDENTITY_ENDPOINT: "not a URL", IDENTITY_HEADER: "x" }],
    ["AZURE_POD_IDENTITY_AUTHORITY_HOST", { AZURE_POD_IDENTITY_AUTHORITY_HOST: "not a URL" }],
    ["AZURE_IMDS_PROBE_TIMEOUT_IN_MS", { AZURE_IMDS_PROBE_TIMEOUT_IN_MS: "not a number" }],
  ];
  for (const [variable, variables] of rows) {
    test(`${variable}, one of ${Object.keys(variables).length} variables`, async () => {
      const { credential, ran } = createLaptop({ has: ["AzureCliCredential"], hasProfile: false, variables });
      const { name, message } = await failureOf(credential.getToken(SCOPE));
      assert.equal(name, "AuthenticationError", message);
      assert.match(message, new RegExp(variable));
      assert.doesNotMatch(message, /not a /);
      assert.deepEqual(ran(), []);
    });
  }
});
