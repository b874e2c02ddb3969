// Each attempt has its own time limit: a lost request is sent again before the deadline, and a slow service still has
// time to respond. A request that the service may reject when it is repeated has a longer limit.
import {
  type AccessToken,
  AuthorizationCodeCredential,
  AzurePipelinesCredential,
  ClientAssertionCredential,
  ClientSecretCredential,
  type CredentialOptions,
  DeviceCodeCredential,
  type LogEvent,
  ManagedIdentityCredential,
  OnBehalfOfCredential,
  UsernamePasswordCredential,
} from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  arcAnswers,
  machineAnswer,
  type MachineName,
  machineOptions,
  MACHINES,
} from "../support/managed_identity/machine.ts";
import { pass, passTime } from "../support/core/passing_time.ts";
import {
  type Asked,
  CLIENT,
  createService,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  type Service,
  silence,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";
import { userAnswer } from "../support/sign_in/sign_in.ts";

const SECOND = 1000;

/** A credential, and which of its requests a test may lose or delay. */
interface Subject {
  /** Creates the credential. */
  create(options: CredentialOptions): { getToken(scopes: string): Promise<AccessToken> };
  /** Returns the response to a request. Default: a token. */
  readonly answer?: (asked: Asked) => unknown;
  /** Whether a request may be lost or slow. Default: each request may. */
  readonly isAffected?: (asked: Asked) => boolean;
  /** The default of `timeoutInMs`. */
  readonly timeoutInMs?: number;
}

function client(options: CredentialOptions): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", options);
}

/** Returns a managed identity on this kind of machine. */
function machine(name: MachineName): Subject {
  const files = { "/var/opt/azcmagent/tokens/a.key": "a-key" };
  return {
    timeoutInMs: 120_000,
    answer: (asked) => name === "Azure Arc" ? arcAnswers(asked) : machineAnswer(),
    create({ fetch, runtime, ...options }) {
      const simulated = machineOptions({ env: { ...MACHINES[name] }, files, service: { fetch } as Service });
      const all = { ...options, env: simulated.env, runtime: { ...simulated.runtime, ...runtime } };
      return new ManagedIdentityCredential(all);
    },
  };
}

/** Requests that do not change the state of the service. */
const REPEATABLE: Readonly<Record<string, Subject>> = {
  "client credentials": { create: client },
  "on behalf of": {
    create: (options) =>
      new OnBehalfOfCredential({
        ...options,
        tenantId: TENANT,
        clientId: CLIENT,
        clientSecret: "a-secret",
        userAssertionToken: "a-token",
      }),
  },
  "instance discovery": {
    create: (options) => client({ ...options, authorityHost: "https://login.private.example" }),
    answer: discovery,
    isAffected: ({ url }) => url.includes("discovery/instance"),
  },
  "the OpenID configuration": {
    create: (options) => client({ ...options, authorityHost: "https://login.private.example" }),
    answer: discovery,
    isAffected: ({ url }) => url.includes("openid-configuration"),
  },
  "the OIDC token of a pipeline": {
    create: (options) =>
      new AzurePipelinesCredential(TENANT, CLIENT, "a-connection", "a-token", {
        ...options,
        env: { SYSTEM_OIDCREQUESTURI: "https://dev.azure.com/contoso/_apis/oidctoken" },
      }),
    answer: ({ url }) => url.includes("oidctoken") ? jsonAnswer({ oidcToken: "a.b.c" }) : tokenAnswer(),
    isAffected: ({ url }) => url.includes("oidctoken"),
  },
  ...Object.fromEntries((Object.keys(MACHINES) as MachineName[]).map((name) => [name, machine(name)])),
  "Azure Arc": { ...machine("Azure Arc"), isAffected: ({ headers }) => !headers.has("authorization") },
  "the second request of Azure Arc": {
    ...machine("Azure Arc"),
    isAffected: ({ headers }) => headers.has("authorization"),
  },
};

/** Responds to the requests for discovery and tokens of a private cloud. */
function discovery({ url }: Asked): Response {
  if (url.includes("discovery/instance")) return jsonAnswer({ metadata: [] });
  if (!url.includes("openid-configuration")) return tokenAnswer();
  return jsonAnswer({ token_endpoint: `https://login.private.example/${TENANT}/oauth2/v2.0/token` });
}

/** Requests that a service may reject after it has processed them once. */
const UNREPEATABLE: Readonly<Record<string, Subject>> = {
  "an authorization code": {
    create: (options) => new AuthorizationCodeCredential(TENANT, CLIENT, "a-code", "https://app.example/", options),
    answer: () => userAnswer(),
  },
  "a poll for a device code": {
    create: (options) =>
      new DeviceCodeCredential({ ...options, tenantId: TENANT, clientId: CLIENT, userPromptCallback() {} }),
    answer: ({ url }) => url.endsWith("/devicecode") ? deviceCode() : userAnswer(),
    isAffected: ({ url }) => url.endsWith("/token"),
    timeoutInMs: 900_000,
  },
  "a password": {
    create: (options) => new UsernamePasswordCredential(TENANT, CLIENT, "jo@contoso.com", "a-password", options),
    answer: () => userAnswer(),
  },
};

function deviceCode(members: Record<string, unknown> = {}): Response {
  return jsonAnswer({
    device_code: "a-device-code",
    user_code: "ABC",
    verification_uri: "https://v.example",
    expires_in: 900,
    interval: 5,
    ...members,
  });
}

/**
 * Creates a credential. `disturb` delays or loses requests, or returns their response; `index` is the number of
 * affected requests before this one.
 */
function rig(subject: Subject, disturb: (asked: Asked, index: number, clock: FakeClock) => unknown, options = {}) {
  const clock = createFakeClock();
  const sent: number[] = [];
  const events: LogEvent[] = [];
  const { answer = () => tokenAnswer(), isAffected = () => true } = subject;
  const service = createService(async (asked) => {
    if (!isAffected(asked)) return answer(asked);
    sent.push(clock.now());
    return await disturb(asked, sent.length - 1, clock) ?? answer(asked);
  });
  const credential = subject.create({
    ...isolatedOptions(service, clock),
    log: (event) => events.push(event),
    ...options,
  });
  const began = clock.now();
  const getToken = () => pass(credential.getToken(SCOPE), clock);
  return { getToken, clock, events, service, times: () => sent.map((time) => time - began) };
}

/** Does not respond to the first request. */
function loseOne(asked: Asked, index: number): unknown {
  return index === 0 ? silence(asked) : undefined;
}

for (const [name, subject] of Object.entries(REPEATABLE)) {
  describe(name, () => {
    for (
      const [timeoutInMs, limit] of [
        [undefined, 10_000],
        [30_000, 10_000],
        [9_000, 3_000],
        [3_000, 1_000],
        [100, 34],
      ] as const
    ) {
      test(`sends a lost request again after ${limit} ms if timeoutInMs is ${timeoutInMs ?? "not set"}`, async () => {
        const { getToken, events, times } = rig(subject, loseOne, timeoutInMs === undefined ? {} : { timeoutInMs });
        const { value, after } = await getToken();
        assert.deepEqual([value?.token, after], ["a-token", limit]);
        assert.equal(times()[1], limit);
        const [event] = events;
        assert.deepEqual([event!.event, event!.message], [
          "request-retried",
          `No response within ${limit} ms: trying again in 0 ms`,
        ]);
      });
    }

    test("gives a slow service twice as much time at each attempt, and the remaining time at the last", async () => {
      const { timeoutInMs = 60_000 } = subject;
      const slow = timeoutInMs === 60_000 ? 25_000 : 45_000;
      const { getToken, times } = rig(subject, ({ signal }, _, clock) => clock.sleep(slow, signal));
      const { value, after } = await getToken();
      const attempts = timeoutInMs === 60_000 ? [0, 10_000, 30_000] : [0, 10_000, 30_000, 70_000];
      assert.deepEqual(times().slice(0, attempts.length), attempts);
      assert.deepEqual([value?.token, after], ["a-token", attempts.at(-1)! + slow]);
    });

    test("ends at the deadline if the service never responds, and sends nothing afterwards", async () => {
      const { getToken, clock, service } = rig(subject, silence);
      const { error, after } = await getToken();
      assert.equal(after, subject.timeoutInMs ?? 60_000);
      assert.match(error!.message, /No response within the \d+ ms of "timeoutInMs"/);
      const { length } = service.requests;
      await passTime(100 * SECOND, clock);
      assert.equal(service.requests.length, length);
      assert.deepEqual(clock.sleeping, []);
    });

    test("gives all of the time to the attempt if there are no retries", async () => {
      const slow = (subject.timeoutInMs ?? 60_000) - 1000;
      const late = ({ signal }: Asked, _: number, clock: FakeClock) => clock.sleep(slow, signal);
      const { getToken, times } = rig(subject, late, { retryOptions: { maxRetries: 0 } });
      const { value, after } = await getToken();
      assert.deepEqual([value?.token, after, times().length], ["a-token", slow, 1]);
    });
  });
}

for (const [name, subject] of Object.entries(UNREPEATABLE)) {
  describe(name, () => {
    const pollDelay = name === "a poll for a device code" ? 5000 : 0;

    test("is not sent twice to a slow service", async () => {
      for (const slow of [11_000, 29_000]) {
        const { getToken, times } = rig(subject, ({ signal }, _, clock) => clock.sleep(slow, signal));
        const { value, after } = await getToken();
        assert.deepEqual([value?.token, after, times().length], ["a-token", pollDelay + slow, 1]);
      }
    });

    test("is sent again after 30 seconds without a response", async () => {
      const { getToken, times, events } = rig(subject, loseOne);
      const { value, after } = await getToken();
      assert.deepEqual([value?.token, after, times().length], ["a-token", pollDelay + 30_000, 2]);
      assert.equal(events[0]!.message, "No response within 30000 ms: trying again in 0 ms");
    });

    test("uses all of a short deadline for one attempt", async () => {
      const timeoutInMs = pollDelay + 6000;
      const { getToken, times } = rig(subject, ({ signal }, _, clock) => clock.sleep(5000, signal), { timeoutInMs });
      const { value, after } = await getToken();
      assert.deepEqual([value?.token, after, times().length], ["a-token", pollDelay + 5000, 1]);
    });
  });
}

test("a refresh token is not sent twice to a slow service, but again after 30 seconds", async () => {
  for (const [slow, expected] of [[29_000, 1], [31_000, 2]] as const) {
    const clock = createFakeClock();
    let grants = 0;
    const service = createService(async ({ form, signal }) => {
      if (form.grant_type === "refresh_token" && ++grants === 1) await clock.sleep(slow, signal);
      return userAnswer();
    });
    const options = isolatedOptions(service, clock);
    const credential = new AuthorizationCodeCredential(TENANT, CLIENT, "a-code", "https://app.example/", options);
    await pass(credential.getToken(SCOPE), clock);
    const { value, after } = await pass(credential.getToken("https://vault.azure.net/.default"), clock);
    assert.deepEqual([value?.token, after, grants], ["a-token", Math.min(slow, 30_000), expected]);
  }
});

test("a lost device authorization request is sent again, and the lifetime of the code begins with the successful request", async () => {
  let polls = 0;
  const subject: Subject = {
    ...UNREPEATABLE["a poll for a device code"]!,
    answer: ({ url }) =>
      url.endsWith("/devicecode")
        ? deviceCode({ expires_in: 20 })
        : ++polls < 3
        ? jsonAnswer({ error: "authorization_pending" }, { status: 400 })
        : userAnswer(),
    isAffected: ({ url }) => url.endsWith("/devicecode"),
  };
  const busy = { status: 503, headers: { "retry-after": "30" } };
  for (
    const [disturb, delay] of [
      [loseOne, 10_000],
      [(_: Asked, index: number) => index === 0 ? new Response("", busy) : undefined, 30_000],
    ] as const
  ) {
    polls = 0;
    const { getToken } = rig(subject, disturb);
    const { value, after } = await getToken();
    // The third poll would be after the expiry of the code if its lifetime began with the first request.
    assert.deepEqual([value?.token, after], ["a-token", delay + 15_000]);
  }
});

test("an incomplete body is treated as a lost request", async () => {
  const half = () =>
    new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"access')) }),
    );
  const { getToken } = rig({ create: client }, (_, index) => index === 0 ? half() : undefined);
  const { value, after } = await getToken();
  assert.deepEqual([value?.token, after], ["a-token", 10_000]);
});

test("an attempt ends even if fetch ignores its signal", async () => {
  const { getToken } = rig({ create: client }, (_, index) => index === 0 ? new Promise(() => {}) : undefined);
  assert.equal((await getToken()).after, 10_000);
});

test("the time of an assertion callback does not count towards the time limit of an attempt", async () => {
  const clock = createFakeClock();
  const service = createService();
  let asked = 0;
  const getAssertion = async () => {
    asked++;
    await clock.sleep(20 * SECOND);
    return "an-assertion";
  };
  const credential = new ClientAssertionCredential(TENANT, CLIENT, getAssertion, isolatedOptions(service, clock));
  const { value, after } = await pass(credential.getToken(SCOPE), clock);
  assert.deepEqual([value?.token, after, asked, service.requests.length], ["a-token", 20_000, 1, 1]);
});

test("the time that a request to the metadata service waits in the queue does not count towards the time limit of an attempt", async () => {
  const clock = createFakeClock();
  const service = createService(() => machineAnswer());
  const simulated = machineOptions({ service });
  const options = { ...simulated, cache: false as const, runtime: { ...simulated.runtime, ...clock } };
  const credential = new ManagedIdentityCredential(options);
  // Five requests per second are sent.
  const all = Promise.all(Array.from({ length: 80 }, () => credential.getToken(SCOPE)));
  const { value, after } = await pass(all, clock);
  assert.equal(value?.length, 80);
  assert.ok(after >= 14_000, String(after));
  assert.equal(service.requests.length, 80);
});

// Edge isolates and pages do not run on machines with a metadata service.
if (!["workerd", "web"].includes(detectPlatform())) {
  test("the region request has a limit of two seconds, or of a third of a shorter deadline", async () => {
    // Loads the module for regions, because the fake clock does not count the time for that.
    const region = { AZURE_REGIONAL_AUTHORITY_NAME: "westeurope" };
    await client({ ...isolatedOptions(createService()), env: region }).getToken(SCOPE);
    for (const [timeoutInMs, limit] of [[60_000, 2000], [3000, 1000]] as const) {
      const clock = createFakeClock();
      const service = createService();
      const options = {
        ...isolatedOptions(service, clock),
        localFetch: createService(silence).fetch,
        env: { AZURE_REGIONAL_AUTHORITY_NAME: "TryAutoDetect" },
        timeoutInMs,
      };
      const { value, after } = await pass(client(options).getToken(SCOPE), clock);
      assert.deepEqual([value?.token, after], ["a-token", limit]);
    }
  });
}

test("a jump of the clock during an attempt does not end the retries", async () => {
  for (const jump of [-3_600_000, 3_600_000]) {
    const { getToken, clock, service } = rig({ create: client }, (_, index) => {
      if (index > 0) return undefined;
      clock.set(clock.now() + jump);
      return new Response("", { status: 503, headers: { "retry-after": "1" } });
    });
    assert.equal((await getToken()).value?.token, "a-token");
    assert.equal(service.requests.length, 2);
  }
});
