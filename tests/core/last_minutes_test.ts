// The result of a call with a cached token, and its duration: for each kind of credential, behaviour of the service or
// tool, remaining lifetime of the token and kind of caller.
import {
  type AccessToken,
  AuthorizationCodeCredential,
  ClientSecretCredential,
  type CredentialOptions,
  type GetTokenOptions,
  ManagedIdentityCredential,
  type TokenSet,
} from "@azweb/identity";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { machineOptions, MACHINES } from "../support/managed_identity/machine.ts";
import { type Ended, pass, passTime } from "../support/core/passing_time.ts";
import {
  type Asked,
  CLIENT,
  createService,
  isolatedOptions,
  jsonAnswer,
  SCOPE,
  silence,
  TENANT,
} from "../support/service.ts";
import { userAnswer } from "../support/sign_in/sign_in.ts";
import { byDeviceCode, createScene, GRAPH, settle } from "../support/sign_in/people.ts";
import { ANSWERS, createDesk, hang, type Started } from "../support/developer_tools/tool.ts";

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

/** How the service or tool behaves from the second request on. */
type Behaviour = "silent" | "slow: 1.5 s" | "slow: 3 s" | "refuses" | "resets" | "503";

interface Credential {
  getToken(scopes: string, options?: GetTokenOptions): Promise<AccessToken>;
}

/** A kind of credential. */
interface Kind {
  /** The lifetime of its tokens, in milliseconds. */
  readonly livesInMs: number;
  /** Time from the request of a token to its background refresh, in milliseconds; absent if there is none. */
  readonly refreshInMs?: number;
  /** Its `timeoutInMs`. */
  readonly timeoutInMs: number;
  /**
   * Time until a token is received from a service that takes three seconds, in milliseconds. Where attempts have time
   * limits, the first one fails after two seconds, and the second one takes three.
   */
  readonly slowInMs: number;
  /**
   * The error of a call without a cached token, if the service or tool refuses. If `isFinal`, a call throws the error
   * even if its cached token has up to five minutes left; otherwise such a call returns the cached token.
   */
  readonly refusal: { readonly name: string; readonly isFinal: boolean };
  create(clock: FakeClock, behave: (index: number) => Behaviour | "well", cache?: Map<string, TokenSet>): Credential;
}

/** Returns a handler of requests with the given behaviour. */
function answerer(
  clock: FakeClock,
  behave: (index: number) => Behaviour | "well",
  well: (index: number) => Response,
): (asked: Asked, index: number) => Promise<Response> {
  return async (asked, index) => {
    const behaviour = behave(index);
    switch (behaviour) {
      case "silent":
        return await silence(asked);
      case "refuses":
        return jsonAnswer({ error: "invalid_client" }, { status: 401 });
      case "resets":
        throw new TypeError("fetch failed");
      case "503":
        return new Response("", { status: 503 });
      case "slow: 1.5 s":
      case "slow: 3 s":
        await clock.sleep(behaviour === "slow: 3 s" ? 3000 : 1500, asked.signal);
    }
    return well(index);
  };
}

function options(service: Pick<ReturnType<typeof createService>, "fetch">, clock: FakeClock): CredentialOptions {
  return isolatedOptions(service, clock);
}

const KINDS: Readonly<Record<string, Kind>> = {
  "client secret": {
    livesInMs: HOUR,
    refreshInMs: HOUR / 2,
    timeoutInMs: 60_000,
    slowInMs: 5000,
    refusal: { name: "AuthenticationError", isFinal: true },
    create(clock, behave, cache) {
      const service = createService(answerer(clock, behave, (index) =>
        jsonAnswer({
          token_type: "Bearer",
          expires_in: 3600,
          refresh_in: 1800,
          access_token: `token-${index}`,
        })));
      return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...options(service, clock), cache });
    },
  },
  "managed identity": {
    livesInMs: 24 * HOUR,
    refreshInMs: 12 * HOUR,
    timeoutInMs: 120_000,
    slowInMs: 5000,
    refusal: { name: "AuthenticationError", isFinal: true },
    create(clock, behave, cache) {
      const service = createService(answerer(clock, behave, (index) =>
        jsonAnswer({
          token_type: "Bearer",
          expires_on: String(Math.floor((clock.now() + 24 * HOUR) / 1000)),
          access_token: `token-${index}`,
        })));
      const machine = machineOptions({ env: { ...MACHINES["App Service"] }, service });
      return new ManagedIdentityCredential({ ...machine, runtime: { ...machine.runtime, ...clock }, cache });
    },
  },
  az: {
    livesInMs: HOUR,
    timeoutInMs: 15_000,
    slowInMs: 3000,
    refusal: { name: "CredentialUnavailableError", isFinal: false },
    create(clock, behave, cache) {
      const run = async (started: Started, index: number) => {
        const behaviour = behave(index);
        if (behaviour === "silent") return await hang(started);
        if (["refuses", "resets", "503"].includes(behaviour)) return { code: 1, stderr: "ERROR: No" };
        if (behaviour !== "well") {
          await clock.sleep(behaviour === "slow: 3 s" ? 3000 : 1500, started.options.signal!);
        }
        return ANSWERS.az(clock.now() + HOUR, `token-${index}`);
      };
      return createDesk("az", run, { clock, cache }).credential;
    },
  },
  user: {
    livesInMs: HOUR,
    timeoutInMs: 60_000,
    slowInMs: 3000,
    refusal: { name: "AuthenticationError", isFinal: true },
    create(clock, behave, cache) {
      const service = createService(answerer(clock, behave, (index) => userAnswer({}, `token-${index}`)));
      const all = { ...options(service, clock), cache };
      return new AuthorizationCodeCredential(TENANT, CLIENT, "a-code", "https://app.example/", all);
    },
  },
};

/** Creates a credential with a cached token that expires in `leftInMs`. */
async function world(kind: Kind, behaviour: Behaviour, { leftInMs }: { leftInMs: number }) {
  // Services return times in whole seconds.
  const clock = createFakeClock(Math.floor(Date.now() / 1000) * 1000);
  const requests: number[] = [];
  let isHealed = false;
  const credential = kind.create(clock, (index) => {
    requests.push(clock.now());
    return index === 0 || isHealed ? "well" : behaviour;
  });
  /** Calls `getToken` once, and checks that the returned token has not expired. */
  async function ask(options: GetTokenOptions = {}): Promise<Ended<AccessToken>> {
    const ended = await pass(
      credential.getToken(SCOPE, options).then((token) => {
        assert.ok(clock.now() < token.expiresOnTimestamp, "the token has expired");
        return token;
      }),
      clock,
    );
    return ended;
  }
  const first = await ask();
  assert.deepEqual([first.value?.token, first.after], ["token-0", 0]);
  await passTime(first.value!.expiresOnTimestamp - leftInMs - clock.now(), clock);
  return { clock, ask, requests, heal: () => isHealed = true, end: first.value!.expiresOnTimestamp };
}

function resultOf({ value, error }: Ended<AccessToken>): string {
  return value?.token ?? error!.name;
}

for (const [name, kind] of Object.entries(KINDS)) {
  describe(name, () => {
    const { refusal, timeoutInMs, slowInMs } = kind;
    const early = refusal.isFinal ? refusal.name : "token-0";
    const outage = refusal.isFinal ? "AuthenticationError" : refusal.name;
    for (
      const [leftInMs, behaviour, expected, after] of [
        // Before the last five minutes a token is returned at once.
        [6 * MINUTE, "silent", "token-0", 0],
        [6 * MINUTE, "503", "token-0", 0],
        // In the last five minutes a call waits for a new token for two seconds at most, then returns the cached one.
        [4 * MINUTE, "silent", "token-0", 2000],
        [4 * MINUTE, "slow: 1.5 s", "token-1", 1500],
        [4 * MINUTE, "slow: 3 s", "token-0", 2000],
        [4 * MINUTE, "refuses", early, 0],
        [4 * MINUTE, "resets", "token-0", 0],
        [4 * MINUTE, "503", "token-0", 0],
        [3 * SECOND, "silent", "token-0", 2000],
        [3 * SECOND, "slow: 1.5 s", "token-1", 1500],
        [3 * SECOND, "slow: 3 s", "token-0", 2000],
        [3 * SECOND, "503", "token-0", 0],
        // A token that expires meanwhile is not returned: the call continues like one without a token.
        [1 * SECOND, "silent", outage, 2000 + timeoutInMs],
        [1 * SECOND, "slow: 1.5 s", "token-1", 1500],
        [1 * SECOND, "503", "token-0", 0],
        [501, "503", "token-0", 0],
        // In its last half second it could expire before the caller receives it.
        [500, "503", outage, 0],
        [500, "slow: 1.5 s", "token-1", 1500],
        [1, "refuses", refusal.name, 0],
        // At its expiry and later.
        [0, "silent", outage, timeoutInMs],
        [0, "slow: 3 s", "token-1", 3000],
        [0, "refuses", refusal.name, 0],
        [0, "503", outage, 0],
        [-MINUTE, "silent", outage, timeoutInMs],
      ] as const
    ) {
      test(`${leftInMs} ms before the expiry, ${behaviour}: ${expected} after ${after} ms`, async () => {
        const { ask } = await world(kind, behaviour, { leftInMs });
        const ended = await ask();
        assert.deepEqual([resultOf(ended), ended.after], [expected, after]);
      });
    }

    test("a second before the expiry, slow: 3 s: a new token", async () => {
      const { ask } = await world(kind, "slow: 3 s", { leftInMs: SECOND });
      const ended = await ask();
      assert.match(ended.value!.token, /^token-[12]$/);
      assert.ok(ended.after <= 5000, String(ended.after));
    });

    test("slow: 3 s: the request continues after the call has returned the cached token, and the next call gets the new one", async () => {
      const { clock, ask } = await world(kind, "slow: 3 s", { leftInMs: 4 * MINUTE });
      assert.equal(resultOf(await ask()), "token-0");
      await passTime(slowInMs - 2000, clock);
      const next = await ask();
      assert.match(next.value!.token, /^token-[12]$/);
      assert.equal(next.after, 0);
    });

    test("silent: the calls of the next two seconds return the cached token at once", async () => {
      const { clock, ask, requests } = await world(kind, "silent", { leftInMs: 4 * MINUTE });
      await ask();
      const flight = requests.length;
      for (let i = 0; i < 20; i++) {
        await passTime(100, clock);
        const { after } = await ask();
        assert.equal(after, 0);
      }
      // Attempts of one request, and not one request per caller.
      assert.ok(requests.length - flight <= 2, String(requests.length));
    });

    test("silent until the expiry: each call returns the cached token within two seconds", async () => {
      const { clock, ask, end } = await world(kind, "silent", { leftInMs: 5 * MINUTE });
      while (clock.now() < end - 3 * SECOND) {
        const { value, after } = await ask();
        assert.equal(value?.token, "token-0");
        assert.ok(after <= 2000, String(after));
        await passTime(Math.min(20 * SECOND, Math.max(1, end - 3 * SECOND - clock.now())), clock);
      }
    });

    test("503: a call half a minute later requests a token again", async () => {
      const { clock, ask, heal } = await world(kind, "503", { leftInMs: 4 * MINUTE });
      assert.equal(resultOf(await ask()), "token-0");
      heal();
      await passTime(30 * SECOND, clock);
      assert.match(resultOf(await ask()), /^token-[1-9]/);
    });

    for (
      const [caller, options, expected, after] of [
        ["with a timeout of ten seconds", { requestOptions: { timeout: 10_000 } }, "token-0", 2000],
        ["with a timeout of 1.5 s", { requestOptions: { timeout: 1500 } }, "token-0", 750],
        ["with a timeout of a tenth of a second", { requestOptions: { timeout: 100 } }, "token-0", 50],
      ] as const
    ) {
      test(`silent, a caller ${caller}: ${expected} after ${after} ms`, async () => {
        const { ask } = await world(kind, "silent", { leftInMs: 4 * MINUTE });
        const ended = await ask(options);
        assert.deepEqual([resultOf(ended), ended.after], [expected, after]);
      });
    }

    test("silent: a caller that aborts after a second gets an AbortError at once, and the other callers get the token", async () => {
      const { clock, ask } = await world(kind, "silent", { leftInMs: 4 * MINUTE });
      const controller = new AbortController();
      const leaving = ask({ abortSignal: controller.signal });
      const staying = ask();
      clock.sleep(SECOND).then(() => controller.abort());
      const [left, stayed] = [await leaving, await staying];
      assert.deepEqual([resultOf(left), left.after], ["AbortError", 1000]);
      assert.deepEqual([resultOf(stayed), stayed.after], ["token-0", 2000]);
    });

    test("silent: callers that join a second later wait two seconds themselves", async () => {
      const { clock, ask, requests } = await world(kind, "silent", { leftInMs: 4 * MINUTE });
      const before = requests.length;
      const first = ask();
      const joined = clock.sleep(SECOND).then(() => Promise.all([ask(), ask(), ask()]));
      const ends = [await first, ...await joined];
      assert.deepEqual(ends.map(resultOf), Array(4).fill("token-0"));
      assert.ok(ends.every(({ after }) => after <= 2000), ends.map(({ after }) => after).join());
      assert.ok(requests.length - before <= 2, String(requests.length - before));
    });

    test("slow: 1.5 s: a hundred callers share one request and its token", async () => {
      const { ask, requests } = await world(kind, "slow: 1.5 s", { leftInMs: 4 * MINUTE });
      const before = requests.length;
      const ends = await Promise.all(Array.from({ length: 100 }, () => ask()));
      assert.deepEqual([...new Set(ends.map(resultOf))], ["token-1"]);
      assert.equal(requests.length - before, 1);
    });

    const { refreshInMs, livesInMs } = kind;
    if (refreshInMs !== undefined) {
      for (const behaviour of ["silent", "slow: 3 s", "refuses", "resets", "503"] as const) {
        test(`due for a refresh, ${behaviour}: returns the token at once`, async () => {
          const { ask } = await world(kind, behaviour, { leftInMs: livesInMs - refreshInMs });
          const ended = await ask();
          assert.deepEqual([resultOf(ended), ended.after], ["token-0", 0]);
        });
      }
    }
  });
}

test("the wait of two seconds for a new token includes the time in which an asynchronous cache hangs", async () => {
  const kind = KINDS["client secret"]!;
  const clock = createFakeClock();
  const entries = new Map<string, TokenSet>();
  let hangs = false;
  const cache = {
    get: (key: string) => hangs ? new Promise(() => {}) : Promise.resolve(entries.get(key)),
    set: (key: string, value: TokenSet) => Promise.resolve(entries.set(key, value)),
    delete: (key: string) => Promise.resolve(entries.delete(key)),
  };
  const credential = kind.create(clock, (index) => index === 0 ? "well" : "silent", cache as never);
  await pass(credential.getToken(SCOPE), clock);
  await passTime(56 * MINUTE, clock);
  hangs = true;
  const { value, after } = await pass(credential.getToken(SCOPE), clock);
  assert.deepEqual([value?.token, after], ["token-0", 2000]);
});

test("a token that expired before it was received is an error, and is not cached", async () => {
  for (const lifetime of [5, 8]) {
    const clock = createFakeClock();
    const service = createService(async ({ signal }) => {
      await clock.sleep(8000, signal);
      return jsonAnswer({ token_type: "Bearer", expires_in: lifetime, access_token: "a-token" });
    });
    const credential = new ClientSecretCredential(TENANT, CLIENT, "a-secret", options(service, clock));
    for (let call = 1; call < 3; call++) {
      const { error } = await pass(credential.getToken(SCOPE), clock);
      assert.equal(error?.name, "AuthenticationError");
      assert.match(
        error!.message,
        /^ClientSecretCredential: Cannot get a token: The token expired at .*Z, before it was received\. Check the clock/,
      );
      assert.equal(service.requests.length, call);
    }
  }
});

test("a token is not returned if the clock goes beyond its expiry while the caller waits", async () => {
  const kind = KINDS["client secret"]!;
  const clock = createFakeClock();
  let isHealed = false;
  const credential = kind.create(clock, (index) => index === 0 || isHealed ? "well" : "silent");
  await pass(credential.getToken(SCOPE), clock);
  await passTime(56 * MINUTE, clock);
  const asked = credential.getToken(SCOPE);
  await passTime(SECOND, clock);
  clock.set(clock.now() + HOUR);
  isHealed = true;
  const { value } = await pass(asked, clock);
  assert.match(value!.token, /^token-[1-9]/);
  assert.ok(clock.now() < value!.expiresOnTimestamp);
});

test("the user is not prompted before the token has expired", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const first = await settle(credential.getToken(GRAPH), scene);
  scene.entra.revokeSessions("ada@contoso.com");
  await passTime(first.expiresOnTimestamp - 4 * MINUTE - scene.clock.now(), scene.clock);
  assert.equal((await settle(credential.getToken(GRAPH), scene)).token, first.token);
  assert.equal(scene.prompts, 1);
  await passTime(4 * MINUTE, scene.clock);
  assert.notEqual((await settle(credential.getToken(GRAPH), scene)).token, first.token);
  assert.equal(scene.prompts, 2);
});
