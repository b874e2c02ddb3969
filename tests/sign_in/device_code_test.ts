import { DeviceCodeCredential, type DeviceCodeInfo, type LogEvent } from "@azweb/identity";
import { detectPlatform } from "@azweb/identity/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADA,
  byDeviceCode,
  createScene,
  grantsOf,
  GRAPH,
  optionsOf,
  ownerOf,
  type Scene,
  settle,
  VAULT,
  WEB_APP,
} from "../support/sign_in/people.ts";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  silence,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const BASE = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0`;
const CODE = { device_code: "a-device-code", user_code: "ABC", verification_uri: "https://v.example", expires_in: 900 };

/** Creates a credential, and a service that responds to each poll; the last response is repeated. Records the waits. */
function pollWith(polls: readonly (() => Response | Promise<Response>)[], code: Record<string, unknown> = CODE) {
  const waits: number[] = [];
  let polled = 0;
  const service = createService(({ url }) =>
    url.endsWith("/devicecode") ? jsonAnswer(code) : polls[Math.min(polled++, polls.length - 1)]!()
  );
  let time = 0;
  const infos: DeviceCodeInfo[] = [];
  const credential = new DeviceCodeCredential({
    ...isolatedOptions(service),
    tenantId: TENANT,
    clientId: CLIENT,
    userPromptCallback: (info) => infos.push(info),
    runtime: {
      now: () => time,
      async sleep(ms) {
        const sent = service.requests.length;
        await Promise.resolve();
        // The timers of deadlines, and those of attempts, which start right after a request, never fire.
        if (ms >= 30_000 || service.requests.length > sent) await new Promise(() => {});
        time += ms;
        if (ms > 0) waits.push(ms);
      },
    },
  });
  return { credential, service, waits, infos };
}

/** A `sleep` that resolves at once, or never for half a minute or more, so that deadlines are not reached. */
function sleepWithoutDeadlines(ms: number): Promise<void> {
  return ms >= 30_000 ? new Promise(() => {}) : Promise.resolve();
}

/** Creates an abort signal without a `reason`, like the polyfill of `@azure/abort-controller`. */
function createOldSignal() {
  const listeners = new Set<(event: unknown) => unknown>();
  const signal = {
    aborted: false,
    addEventListener: (_: "abort", listener: (event: unknown) => unknown) => void listeners.add(listener),
    removeEventListener: (_: "abort", listener: (event: unknown) => unknown) => void listeners.delete(listener),
  };
  const abort = () => {
    signal.aborted = true;
    for (const listener of listeners) listener({ type: "abort" });
  };
  return { signal, abort };
}

function errorResponse(error: string): () => Response {
  return () => jsonAnswer({ error, error_description: "No", error_codes: [70016] }, { status: 400 });
}

test("the callback gets the user code and no secret", async () => {
  const scene = createScene();
  const infos: DeviceCodeInfo[] = [];
  const credential = byDeviceCode(scene, {
    userPromptCallback(info) {
      infos.push(info);
      scene.entra.enterUserCode(info.userCode, ADA);
    },
  });
  await settle(credential.getToken(GRAPH), scene);
  const { userCode, ...rest } = infos[0]!;
  assert.match(userCode, /^[A-Z0-9]{9}$/);
  assert.deepEqual(rest, {
    verificationUri: "https://microsoft.com/devicelogin",
    message:
      `To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code ${userCode} to authenticate.`,
  });
  assert.equal(infos.length, 1);
});

test("without a callback, the message is written to the log", async () => {
  const scene = createScene();
  const events: LogEvent[] = [];
  const credential = byDeviceCode(scene, {
    userPromptCallback: undefined,
    log(event) {
      events.push(event);
      const [, userCode] = /the code (\w+)/.exec(event.message) ?? [];
      if (event.event === "sign-in-wanted") scene.entra.enterUserCode(userCode!, ADA);
    },
  });
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
  assert.deepEqual(events.map(({ event, credential }) => [event, credential]), [
    ["sign-in-wanted", "DeviceCodeCredential"],
    ["token-acquired", "DeviceCodeCredential"],
  ]);
});

test("without a callback or a log, the message is written to the console", async () => {
  const scene = createScene();
  const { log } = console;
  const printed: unknown[][] = [];
  console.log = (...args) => {
    printed.push(args);
    scene.entra.enterUserCode(/the code (\w+)/.exec(String(args[0]))![1]!, ADA);
  };
  try {
    const credential = byDeviceCode(scene, { userPromptCallback: undefined });
    assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
  } finally {
    console.log = log;
  }
  assert.equal(printed.length, 1);
  assert.equal(printed[0]!.length, 1);
});

test("the library creates the message if the service sends none", async () => {
  const { credential, infos } = pollWith([() => tokenAnswer()]);
  await credential.getToken(GRAPH);
  assert.equal(infos[0]!.message, "Open https://v.example and enter the code ABC");
});

test("the message is a short line without control characters, whatever message the service sends", async () => {
  const message = `\x1b]0;title\x07Enter\r\n\x1b[2Jit ${"on and ".repeat(9999)}`;
  const { credential, infos } = pollWith([() => tokenAnswer()], { ...CODE, message });
  await credential.getToken(GRAPH);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(infos[0]!.message, /[\x00-\x1f\x7f-\x9f]/);
  assert.match(infos[0]!.message, /Enter .*it on and on/);
  assert.ok(infos[0]!.message.length <= 401);
});

test("the requests are those of RFC 8628", async () => {
  const { credential, service } = pollWith([errorResponse("authorization_pending"), () => tokenAnswer()]);
  await credential.getToken([GRAPH, VAULT]);
  const [first, second, third] = service.requests;
  assert.equal(first!.url, `${BASE}/devicecode`);
  assert.deepEqual(first!.form, { client_id: CLIENT, scope: `${GRAPH} ${VAULT} openid profile offline_access` });
  assert.equal(second!.url, `${BASE}/token`);
  const { "client-request-id": id, "x-client-SKU": _, "x-client-VER": __, ...form } = second!.form;
  assert.deepEqual(form, {
    client_id: CLIENT,
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: "a-device-code",
    client_info: "1",
    scope: `${GRAPH} ${VAULT} openid profile offline_access`,
  });
  assert.notEqual(third!.form["client-request-id"], id);
});

for (
  const [name, code, polls, expected] of [
    ["the interval of the service", { interval: 7 }, ["authorization_pending"], [7_000, 7_000]],
    ["an interval that is a string", { interval: "7" }, ["authorization_pending"], [7_000, 7_000]],
    ["five seconds without an interval", {}, ["authorization_pending"], [5_000, 5_000]],
    ["five seconds for an invalid interval", { interval: -1 }, ["authorization_pending"], [5_000, 5_000]],
    ["at least one second", { interval: 0.001 }, ["authorization_pending"], [1_000, 1_000]],
    [
      "five seconds more after each slow_down",
      { interval: 3 },
      ["slow_down", "authorization_pending", "slow_down"],
      [3_000, 8_000, 8_000, 13_000],
    ],
  ] as const
) {
  test(`the time between two polls is ${name}`, async () => {
    const responses = [...polls.map(errorResponse), () => tokenAnswer()];
    const { credential, waits } = pollWith(responses, { ...CODE, ...code });
    assert.equal((await credential.getToken(GRAPH)).token, "a-token");
    assert.deepEqual(waits, expected);
  });
}

test("the sign-in ends when the code expires", async () => {
  const { credential, waits } = pollWith([errorResponse("authorization_pending")], { ...CODE, expires_in: 12 });
  const error = await failureOf(credential.getToken(GRAPH));
  assert.equal(error.name, "AuthenticationError");
  assert.match(
    error.message,
    /^DeviceCodeCredential: The user did not enter the code within its lifetime of 12 seconds: Request a new code$/,
  );
  assert.deepEqual(waits, [5_000, 5_000, 5_000]);
});

test("the response expired_token ends the sign-in before the credential's own deadline", async () => {
  const scene = createScene();
  scene.visitor = undefined;
  const error = await failureOf(settle(byDeviceCode(scene).getToken(GRAPH), scene));
  assert.match(error.message, /expired_token \(HTTP 400, AADSTS70020\)/);
});

test("timeoutInMs limits the duration of a sign-in", async () => {
  const scene = createScene();
  scene.visitor = undefined;
  const error = await failureOf(settle(byDeviceCode(scene, { timeoutInMs: 31_000 }).getToken(GRAPH), scene));
  assert.equal(
    error.message,
    'DeviceCodeCredential: Cannot get a token: The user has not entered the code within the 31000 ms of "timeoutInMs". Request a new code',
  );
});

if (detectPlatform() === "web") {
  test("a second caller with its own deadline gets the same error", async () => {
    const scene = createScene();
    let time = 0;
    const never = new Promise<void>(() => {});
    let show!: () => void;
    const shown = new Promise<void>((resolve) => show = resolve);
    const credential = byDeviceCode(scene, {
      userPromptCallback: () => show(),
      timeoutInMs: 31_000,
      runtime: { now: () => time, sleep: (ms) => ms === 30_999 ? Promise.resolve() : never },
    });
    credential.getToken(GRAPH);
    await shown;
    time = 1;
    assert.match(
      (await failureOf(credential.getToken(GRAPH))).message,
      /The user has not entered the code within the 31000/,
    );
  });
}

for (
  const [word, advice] of [
    ["authorization_declined", /\. Request the token again$/],
    ["access_denied", /\. Request the token again$/],
    ["expired_token", /\. Request the token again$/],
    ["bad_verification_code", /\. No$/],
    ["invalid_grant", /\. No$/],
  ] as const
) {
  test(`the response ${word} to a poll ends the sign-in`, async () => {
    const { credential, service } = pollWith([errorResponse("authorization_pending"), errorResponse(word)]);
    const error = await failureOf(credential.getToken(GRAPH));
    assert.equal(error.name, "AuthenticationError");
    assert.equal((error.errorResponse as { error: string }).error, word);
    assert.match(error.message, advice);
    assert.equal(service.requests.length, 3);
  });
}

test("the user declines, and the next call starts a new sign-in", async () => {
  const scene = createScene();
  scene.visitor = null;
  const credential = byDeviceCode(scene);
  assert.match((await failureOf(settle(credential.getToken(GRAPH), scene))).message, /authorization_declined/);
  scene.visitor = ADA;
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
  assert.equal(scene.prompts, 2);
});

test("polling continues after an outage", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, {
    userPromptCallback({ userCode }) {
      scene.entra.enterUserCode(userCode, ADA);
      scene.entra.failNext({ status: 503 }, 2);
    },
  });
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
});

for (const path of ["/devicecode", "/token"]) {
  test(`a call that is aborted during a request for ${path} rejects with an AbortError`, async () => {
    const service = createService((asked) => asked.url.endsWith(path) ? silence(asked) : jsonAnswer(CODE));
    const options = { ...isolatedOptions(service), tenantId: TENANT, clientId: CLIENT, userPromptCallback() {} };
    const credential = new DeviceCodeCredential({ ...options, runtime: { sleep: sleepWithoutDeadlines } });
    const { signal, abort } = createOldSignal();
    const failing = failureOf(credential.getToken(GRAPH, { abortSignal: signal }));
    await service.untilRequested(path === "/token" ? 2 : 1);
    abort();
    assert.equal((await failing).name, "AbortError");
  });
}

test("an aborted call stops polling", async () => {
  const scene = createScene();
  scene.visitor = undefined;
  const controller = new AbortController();
  const failing = failureOf(byDeviceCode(scene).getToken(GRAPH, { abortSignal: controller.signal }));
  await scene.clock.untilSleeping(9_999);
  controller.abort();
  assert.equal((await failing).name, "AbortError");
  assert.deepEqual(scene.clock.sleeping, []);
  await scene.clock.advance(60_000);
  assert.deepEqual(grantsOf(scene), []);
});

for (
  const [name, callback] of [
    ["throws", () => {
      throw new Error("No screen");
    }],
    ["rejects", () => Promise.reject(new Error("No screen"))],
  ] as const
) {
  test(`a callback that ${name} causes an error that names the callback`, async () => {
    const scene = createScene();
    const error = await failureOf(byDeviceCode(scene, { userPromptCallback: callback }).getToken(GRAPH));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /Cannot show the code: The callback "userPromptCallback" failed: No screen$/);
    assert.equal((error.cause as Error).message, "No screen");
    assert.deepEqual(grantsOf(scene), []);
  });
}

test("polling continues while the callback is pending", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, {
    userPromptCallback({ userCode }) {
      scene.entra.enterUserCode(userCode, ADA);
      return new Promise(() => {});
    },
  });
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
});

test("a callback that rejects during polling ends the sign-in", async () => {
  const scene = createScene();
  let fail!: (error: Error) => void;
  const credential = byDeviceCode(scene, {
    userPromptCallback: () => new Promise((_, reject) => fail = reject),
  });
  const failing = failureOf(credential.getToken(GRAPH));
  await scene.clock.untilSleeping(9_999);
  await scene.clock.advance(5_000);
  await scene.clock.untilSleeping(9_999);
  fail(new Error("The screen is gone"));
  const error = await failing;
  assert.match(error.message, /Cannot show the code/);
  assert.equal((error.cause as Error).message, "The screen is gone");
  assert.deepEqual(scene.clock.sleeping, []);
  assert.deepEqual(grantsOf(scene), ["device_code"]);
});

for (
  const [name, fail] of [
    ["a network failure", () => Promise.reject(new TypeError("fetch failed"))],
    ["an outage", () => new Response("", { status: 503 })],
  ] as const
) {
  test(`after ${name}, polling continues with a longer interval`, async () => {
    const { credential, waits } = pollWith([...Array(9).fill(fail), () => tokenAnswer()]);
    assert.equal((await credential.getToken(GRAPH)).token, "a-token");
    // The retries of a poll wait for 0 ms, which is not recorded.
    assert.deepEqual(waits, [5_000, 10_000, 15_000]);
  });

  test(`${name} that lasts until the code has expired is the error of the call`, async () => {
    const { credential } = pollWith([fail], { ...CODE, expires_in: 12 });
    const { message } = await failureOf(credential.getToken(GRAPH));
    assert.match(message, /^DeviceCodeCredential: Cannot get a token for .*(fetch failed|HTTP 503)/);
  });
}

test("a poll without a response times out, and the next poll is sent", async () => {
  const scene = createScene();
  let polls = 0;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      if (String(url).endsWith("/token") && ++polls === 1) return await new Promise(() => {});
      return await scene.entra.fetch(url, init);
    },
  });
  const pending = credential.getToken(GRAPH);
  await scene.clock.untilSleeping(9_999);
  await scene.clock.advance(5_000);
  await scene.clock.advance(30_000);
  assert.equal(await ownerOf(scene, await settle(pending, scene)), ADA);
  assert.equal(polls, 2);
});

for (
  const [name, respond, message] of [
    ["an error", () => jsonAnswer({ error: "invalid_scope", error_codes: [70011] }, { status: 400 }), /invalid_scope/],
    ["no device code", () => jsonAnswer({ ...CODE, device_code: undefined }), /Cannot get a code from/],
    ["no user code", () => jsonAnswer({ ...CODE, user_code: "" }), /Cannot get a code from/],
    ["no verification URI", () => jsonAnswer({ ...CODE, verification_uri: 7 }), /Cannot get a code from/],
    [
      "a verification URI with a script",
      () => jsonAnswer({ ...CODE, verification_uri: "javascript:alert(1)" }),
      /Cannot get a code from/,
    ],
    [
      "a malformed verification URI",
      () => jsonAnswer({ ...CODE, verification_uri: "x\nhttps://v.example" }),
      /Cannot get a code from/,
    ],
    ["no expiry time", () => jsonAnswer({ ...CODE, expires_in: undefined }), /Cannot get a code from/],
    ["the web page of a proxy", () => new Response("<html>"), /a web page: is a proxy in between/],
  ] as const
) {
  test(`a device authorization response with ${name} causes an error before the callback is called`, async () => {
    let prompts = 0;
    const options = { tenantId: TENANT, clientId: CLIENT, userPromptCallback: () => prompts++ };
    const service = createService((_: Asked) => respond());
    const error = await failureOf(
      new DeviceCodeCredential({ ...isolatedOptions(service), ...options }).getToken(GRAPH),
    );
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, message);
    assert.ok(!error.message.includes("a-device-code"));
    assert.equal(prompts, 0);
  });
}

for (
  const [name, options, expected] of [
    [
      "an unknown app",
      { clientId: "another-app" },
      /AADSTS700016\)\. .*\. Check the client id, and that the app/,
    ],
    [
      "an app that must authenticate",
      { clientId: WEB_APP },
      /AADSTS7000218\)\. .*allow public client flows in the app/,
    ],
  ] as const
) {
  test(`the device authorization request of ${name} causes an error with a next step`, async () => {
    const error = await failureOf(byDeviceCode(createScene(), options).getToken(GRAPH));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^DeviceCodeCredential: Cannot get a code from "https:.*\/devicecode": /);
    assert.match(error.message, expected);
  });
}

test("the device authorization request for an unknown tenant causes an error with a next step", async () => {
  const scene = createScene();
  scene.entra.failNext({ code: 90002 });
  assert.match((await failureOf(byDeviceCode(scene).getToken(GRAPH))).message, /\. Check the tenant id, and the cloud/);
});

test("a device authorization request without a response causes an error with a next step", async () => {
  const fetch = () => Promise.reject(new TypeError("No such host"));
  const options = { ...isolatedOptions({ fetch }), tenantId: TENANT, clientId: CLIENT, userPromptCallback() {} };
  const error = await failureOf(new DeviceCodeCredential(options).getToken(GRAPH));
  assert.equal(error.statusCode, 0);
  assert.match(error.message, /devicecode": No such host\. Check the network, and that "fetch" uses the proxy/);
});

test("the constructor throws a TypeError for invalid options", () => {
  for (const options of [{ tenantId: "a/b" }, { clientId: "" }, { userPromptCallback: "log" as never }]) {
    assert.throws(() => new DeviceCodeCredential(options), { name: "TypeError" });
  }
});

test("requests to AD FS have its own paths", async () => {
  const scene: Scene = createScene({
    apps: [{ tenantId: "adfs", clientId: CLIENT }],
    users: [{ tenantId: "adfs", username: ADA, password: "a-password" }],
  });
  const credential = byDeviceCode(scene, {
    ...optionsOf(scene),
    tenantId: "adfs",
    authorityHost: "https://fs.contoso.com",
  });
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
  assert.deepEqual(scene.entra.requests.map(({ path }) => path), ["/adfs/oauth2/devicecode", "/adfs/oauth2/token"]);
});
