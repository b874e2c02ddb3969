// What happens after a user has signed in, for each type of sign-in.
import {
  type AuthenticationRecord,
  type AuthenticationRequiredError,
  deserializeAuthenticationRecord,
  serializeAuthenticationRecord,
  type TokenCredential,
} from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADA,
  BOB,
  byCode,
  byDeviceCode,
  createScene,
  DEVELOPERS,
  grantsOf,
  GRAPH,
  HURRIED,
  optionsOf,
  OTHER_TENANT,
  ownerOf,
  type Scene,
  settle,
  VAULT,
} from "../support/sign_in/people.ts";
import {
  type Asked,
  breathe,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  jsonAnswer,
  TENANT,
  tokenAnswer,
} from "../support/service.ts";

const HOUR = 3_600_000;
const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
/** Each type of sign-in with its grant. */
const SIGN_INS: Readonly<Record<string, { grant: string; create: (scene: Scene) => Promise<TokenCredential> }>> = {
  "a device code": { grant: "device_code", create: (scene) => Promise.resolve(byDeviceCode(scene)) },
  "an authorization code": { grant: "authorization_code", create: (scene) => byCode(scene) },
};

for (const [name, { grant, create }] of Object.entries(SIGN_INS)) {
  test(`${name}: the first call needs a sign-in, a repeated call no request, and another scope a refresh`, async () => {
    const scene = createScene();
    const credential = await create(scene);
    const first = await settle(credential.getToken(GRAPH), scene);
    assert.equal(await ownerOf(scene, first!), ADA);
    assert.equal(await credential.getToken(GRAPH), first);
    const other = await settle(credential.getToken(VAULT), scene);
    assert.equal((await scene.entra.verify(other!.token)).aud, "https://vault.azure.net");
    assert.deepEqual(grantsOf(scene), [grant, "refresh_token"]);
    assert.equal(scene.prompts, 1);
  });

  test(`${name}: each refresh token is used once`, async () => {
    const scene = createScene();
    const credential = await create(scene);
    await settle(credential.getToken(GRAPH), scene);
    for (let hour = 0; hour < 3; hour++) {
      await scene.clock.advance(HOUR);
      await settle(credential.getToken(GRAPH), scene);
    }
    assert.deepEqual(grantsOf(scene), [grant, "refresh_token", "refresh_token", "refresh_token"]);
    const sent = scene.entra.requests.flatMap(({ form }) => form.refresh_token ?? []);
    assert.equal(new Set(sent).size, 3);
    assert.equal(scene.prompts, 1);
  });

  test(`${name}: an outage during a refresh does not start a sign-in`, async () => {
    const scene = createScene();
    const credential = await create(scene);
    await settle(credential.getToken(GRAPH), scene);
    await scene.clock.advance(HOUR);
    scene.entra.failNext({ status: 503 }, 4);
    const error = await failureOf(settle(credential.getToken(GRAPH), scene));
    assert.deepEqual([error.name, error.statusCode], ["AuthenticationError", 503]);
    assert.equal(await ownerOf(scene, (await settle(credential.getToken(GRAPH), scene))!), ADA);
    assert.equal(scene.prompts, 1);
  });

  test(`${name}: token requests have the scopes of a user sign-in and no client secret`, async () => {
    const scene = createScene();
    const credential = await create(scene);
    await settle(credential.getToken(GRAPH), scene);
    await settle(credential.getToken(VAULT), scene);
    for (const { form, path } of scene.entra.requests.filter(({ path }) => path.endsWith("/token"))) {
      assert.equal(path, `/${TENANT}/oauth2/v2.0/token`);
      assert.match(form.scope!, / openid profile offline_access$/);
      assert.deepEqual([form.client_id, form.client_info], [CLIENT, "1"]);
      assert.equal(form.client_secret, undefined);
    }
  });
}

test("a new sign-in starts when the refresh token is no longer valid", async () => {
  for (
    const [code, error] of [
      [50173, "invalid_grant"],
      [700082, "invalid_grant"],
      [50076, "interaction_required"],
      [65001, "invalid_grant"],
    ] as const
  ) {
    const scene = createScene();
    const credential = byDeviceCode(scene);
    await settle(credential.getToken(GRAPH), scene);
    await scene.clock.advance(HOUR);
    scene.entra.failNext({ code });
    assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA, error);
    assert.equal(scene.prompts, 2);
    const polls = grantsOf(scene).filter((grant) => grant === "device_code").length;
    assert.deepEqual([polls, grantsOf(scene)[1]], [2, "refresh_token"]);
  }
});

test("a sign-in contains the claims challenge of the error response", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  await settle(credential.getToken(GRAPH), scene);
  await scene.clock.advance(HOUR);
  scene.entra.failNext({ code: 50076, claims: CLAIMS });
  await settle(credential.getToken(GRAPH), scene);
  const [first, second] = scene.entra.requests.filter(({ path }) => path.endsWith("/devicecode"));
  assert.deepEqual([first!.form.claims, second!.form.claims], [undefined, CLAIMS]);
});

test("an error response that a sign-in cannot resolve causes an error and no sign-in", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  await settle(credential.getToken(GRAPH), scene);
  scene.entra.failNext({ code: 700016 });
  const error = await failureOf(settle(credential.getToken(VAULT), scene));
  assert.deepEqual([error.name, scene.prompts], ["AuthenticationError", 1]);
  await settle(credential.getToken(VAULT), scene);
  assert.equal(scene.prompts, 1);
});

test("the error for a revoked session says that the code has been redeemed, and has Entra's error as its cause", async () => {
  const scene = createScene();
  const credential = await byCode(scene);
  await settle(credential.getToken(GRAPH), scene);
  scene.entra.revokeSessions(ADA);
  const error = await failureOf(settle(credential.getToken(VAULT, { claims: CLAIMS }), scene));
  assert.equal(error.name, "AuthenticationRequiredError");
  assert.match(error.message, /^AuthorizationCodeCredential: .*has been redeemed/);
  assert.match((error.cause as Error).message, /AADSTS50173/);
  assert.deepEqual(error.scopes, [VAULT]);
  assert.deepEqual(error.getTokenOptions, { claims: CLAIMS, enableCae: false, tenantId: TENANT });
});

// Sign-ins that start without a call of `authenticate`

test("disableAutomaticAuthentication leaves the sign-in to the app", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, { disableAutomaticAuthentication: true });
  const error = await failureOf(credential.getToken(GRAPH, { claims: CLAIMS, enableCae: true }));
  assert.equal(error.name, "AuthenticationRequiredError");
  assert.match(error.message, /^DeviceCodeCredential: A user has to sign in: Call "authenticate"/);
  assert.deepEqual(error.scopes, [GRAPH]);
  assert.deepEqual(error.getTokenOptions, { claims: CLAIMS, enableCae: true, tenantId: TENANT });
  assert.equal(scene.entra.requests.length, 0);

  const { scopes, getTokenOptions } = error as unknown as { scopes: string[]; getTokenOptions: object };
  const record = await settle(credential.authenticate(scopes, getTokenOptions), scene);
  assert.equal(record?.username, ADA);
  const [request] = scene.entra.requests;
  assert.match(request!.form.claims!, /"nbf".*"xms_cc"/);
  await credential.getToken(GRAPH, { enableCae: true });
  assert.equal(scene.prompts, 1);
});

test("disableAutomaticAuthentication: an invalid refresh token causes an AuthenticationRequiredError", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, { disableAutomaticAuthentication: true });
  await settle(credential.authenticate(GRAPH), scene);
  scene.entra.failNext({ code: 50076, claims: CLAIMS });
  const error = await failureOf(settle(credential.getToken(VAULT), scene));
  assert.equal(error.name, "AuthenticationRequiredError");
  assert.equal((error.getTokenOptions as { claims: string }).claims, CLAIMS);
  assert.match((error.cause as Error).message, /AADSTS50076/);
  assert.equal(scene.prompts, 1);
});

test("a background refresh does not start a sign-in while the token is valid", async () => {
  const scene = createScene({ tokenLifetimeInMs: 4 * HOUR });
  const events: string[] = [];
  let refreshed!: () => void;
  const refresh = new Promise<void>((resolve) => refreshed = resolve);
  const credential = byDeviceCode(scene, {
    log({ event }) {
      if (events.push(event) === 2) refreshed();
    },
  });
  const first = await settle(credential.getToken(GRAPH), scene);
  scene.entra.revokeSessions(ADA);
  await scene.clock.advance(2 * HOUR);
  assert.equal(await credential.getToken(GRAPH), first);
  await settle(refresh, scene);
  assert.deepEqual(events, ["token-acquired", "token-failed"]);
  assert.equal(scene.prompts, 1);
  assert.equal(await credential.getToken(GRAPH), first);
  await scene.clock.advance(2 * HOUR);
  const second = await settle(credential.getToken(GRAPH), scene);
  assert.notEqual(second.token, first.token);
  assert.equal(scene.prompts, 2);
});

// The account

test("authenticate returns the account and caches its token", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const record = await settle(credential.authenticate(GRAPH), scene);
  const { oid } = await scene.entra.verify((await credential.getToken(GRAPH)).token);
  assert.deepEqual(record, {
    authority: "login.microsoftonline.com",
    homeAccountId: `${oid}.${TENANT}`,
    clientId: CLIENT,
    tenantId: TENANT,
    username: ADA,
  });
  assert.deepEqual(grantsOf(scene), ["device_code"]);
});

test("authenticate prompts a user who has signed in before, and discards cached tokens of another account", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const adasToken = await settle(credential.getToken(GRAPH), scene);
  scene.visitor = BOB;
  const record = await settle(credential.authenticate(VAULT), scene);
  assert.equal(record?.username, BOB);
  const bobsToken = await settle(credential.getToken(GRAPH), scene);
  assert.notEqual(bobsToken.token, adasToken.token);
  assert.equal(await ownerOf(scene, bobsToken), BOB);
  assert.equal(await ownerOf(scene, await credential.getToken(VAULT)), BOB);
  assert.deepEqual(grantsOf(scene), ["device_code", "device_code", "refresh_token"]);
});

test("a failed sign-in keeps the previous account and its tokens", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const adasToken = await settle(credential.getToken(GRAPH), scene);
  scene.visitor = null;
  const error = await failureOf(settle(credential.authenticate(GRAPH), scene));
  assert.match(error.message, /^DeviceCodeCredential: .*authorization_declined/);
  assert.equal(await credential.getToken(GRAPH), adasToken);
  assert.equal(await ownerOf(scene, await settle(credential.getToken(VAULT), scene)), ADA);
});

test("a sign-in with another account is rejected, and one with the expected account is accepted", async () => {
  const scene = createScene();
  const authenticationRecord = await settle(byDeviceCode(scene).authenticate(GRAPH), scene);
  const credential = byDeviceCode(scene, { authenticationRecord });
  scene.visitor = BOB;
  const error = await failureOf(settle(credential.getToken(GRAPH), scene));
  assert.equal(error.name, "AuthenticationError");
  assert.match(error.message, new RegExp(`Another user has signed in: Expected "${ADA}", got "${BOB}"`));
  const again = await failureOf(settle(credential.getToken(VAULT), scene));
  assert.match(again.message, /Another user/, "nothing of the other account is cached");
  scene.visitor = ADA;
  assert.equal(await ownerOf(scene, await settle(credential.getToken(GRAPH), scene)), ADA);
});

test("the error names another account by its id, if its user name is the same or missing", async () => {
  const scene = createScene();
  const record = (await settle(byDeviceCode(scene).authenticate(GRAPH), scene))!;
  for (
    const [username, expected, actual] of [
      [ADA, "another", record.homeAccountId],
      [ADA.toUpperCase(), "another", record.homeAccountId],
      ["", "another", ADA],
    ] as const
  ) {
    const authenticationRecord = { ...record, homeAccountId: "another", username };
    const error = await failureOf(settle(byDeviceCode(scene, { authenticationRecord }).getToken(GRAPH), scene));
    assert.ok(error.message.includes(`: Expected "${expected}", got "${actual}". Sign in as the`), error.message);
  }
});

test("a credential accepts only the account that has signed in to it", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  await settle(credential.getToken(GRAPH), scene);
  scene.entra.revokeSessions(ADA);
  scene.visitor = BOB;
  assert.match((await failureOf(settle(credential.getToken(VAULT), scene))).message, /Another user/);
});

test("two credentials do not share an account", async () => {
  const scene = createScene();
  const cache = new Map();
  const authenticationRecord = await settle(byDeviceCode(scene, { cache }).authenticate(GRAPH), scene);
  const credential = byDeviceCode(scene, { cache, authenticationRecord, disableAutomaticAuthentication: true });
  assert.equal((await failureOf(credential.getToken(GRAPH))).name, "AuthenticationRequiredError");
});

test("a serialized record causes a TypeError that names deserializeAuthenticationRecord", async () => {
  const scene = createScene();
  const record = (await settle(byDeviceCode(scene).authenticate(GRAPH), scene))!;
  const text = serializeAuthenticationRecord(record);
  assert.throws(() => byDeviceCode(scene, { authenticationRecord: text as never }), {
    name: "TypeError",
    message: /^Option "authenticationRecord" must be .* with "deserializeAuthenticationRecord"$/,
  });
  byDeviceCode(scene, { authenticationRecord: deserializeAuthenticationRecord(text) });
});

test("a malformed record causes a TypeError", () => {
  const good = { authority: "", homeAccountId: "a.b", clientId: CLIENT, tenantId: TENANT, username: ADA };
  byDeviceCode(createScene(), { authenticationRecord: { ...good, tenantId: "" } });
  for (
    const record of [
      {},
      "text",
      7,
      { ...good, homeAccountId: "" },
      { ...good, username: undefined },
      { ...good, tenantId: "../evil" },
      { ...good, tenantId: 7 },
    ]
  ) {
    const authenticationRecord = record as unknown as AuthenticationRecord;
    assert.throws(() => byDeviceCode(createScene(), { authenticationRecord }), {
      name: "TypeError",
      message: /authenticationRecord/,
    });
  }
});

// Concurrent calls

test("concurrent calls for two scopes need one sign-in", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const both = Promise.all([credential.getToken(GRAPH), credential.getToken(VAULT), credential.getToken([GRAPH])]);
  const [graph, vault, again] = await settle(both, scene);
  assert.equal(graph, again);
  assert.equal((await scene.entra.verify(vault.token)).aud, "https://vault.azure.net");
  assert.deepEqual(grantsOf(scene), ["device_code", "refresh_token"]);
  assert.equal(scene.prompts, 1);
});

test("an error response for one scope does not end the session", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, { disableAutomaticAuthentication: true });
  await settle(credential.authenticate(GRAPH), scene);
  scene.entra.failNext({ code: 65001 });
  assert.equal((await failureOf(credential.getToken(VAULT))).name, "AuthenticationRequiredError");
  assert.ok((await credential.getToken("https://storage.azure.com/.default")).token);
});

test("concurrent calls redeem a code once", async () => {
  const scene = createScene();
  const credential = await byCode(scene);
  await settle(Promise.all([GRAPH, GRAPH, VAULT].map((scope) => credential.getToken(scope))), scene);
  assert.equal(grantsOf(scene).filter((grant) => grant === "authorization_code").length, 1);
});

test("one caller aborts, and the other still gets the token", async () => {
  const scene = createScene();
  scene.visitor = undefined;
  let userCode = "";
  const credential = byDeviceCode(scene, { userPromptCallback: (info) => userCode = info.userCode });
  const controller = new AbortController();
  const leaving = failureOf(credential.getToken(GRAPH, { abortSignal: controller.signal }));
  const staying = credential.getToken(GRAPH);
  await scene.clock.untilSleeping(9_999);
  controller.abort();
  assert.equal((await leaving).name, "AbortError");
  scene.entra.enterUserCode(userCode, ADA);
  assert.equal(await ownerOf(scene, await settle(staying, scene)), ADA);
  assert.equal(scene.entra.requests.filter(({ path }) => path.endsWith("/devicecode")).length, 1);
});

test("an abort ends a waiting call and a hanging sign-in, and the next call starts", async () => {
  const scene = createScene();
  let prompts = 0;
  let prompted!: () => void;
  const prompt = new Promise<void>((resolve) => prompted = resolve);
  const credential = byDeviceCode(scene, {
    userPromptCallback({ userCode }) {
      prompted();
      // The callback of the first call never settles.
      if (++prompts === 1) return new Promise(() => {});
      scene.entra.enterUserCode(userCode, BOB);
    },
  });
  const [first, second] = [new AbortController(), new AbortController()];
  const hanging = failureOf(credential.getToken(GRAPH, { abortSignal: first.signal }));
  await prompt;
  const waiting = failureOf(credential.getToken(VAULT, { abortSignal: second.signal }));
  const last = credential.getToken(VAULT, { enableCae: true });
  second.abort();
  assert.equal((await waiting).name, "AbortError");
  first.abort();
  assert.equal((await hanging).name, "AbortError");
  assert.equal(await ownerOf(scene, await settle(last, scene)), BOB);
  assert.equal(prompts, 2);
});

test("a hanging refresh ends after a minute, long before the timeout of a sign-in", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  await settle(credential.getToken(GRAPH), scene);
  scene.entra.failNext("silent", 2);
  const error = failureOf(credential.getToken(VAULT));
  // Waits until the timers of the attempt and of the whole refresh have started.
  while (scene.clock.sleeping[1] !== 60_000) await scene.clock.untilSleeping(60_000).then(() => scene.clock.advance(0));
  await scene.clock.advance(60_000);
  assert.match((await error).message, /No response within 60000 ms/);
  assert.equal(await ownerOf(scene, await settle(credential.getToken(VAULT), scene)), ADA);
});

// The tenant of the request

for (
  const [name, options, tenant] of [
    ["no tenant", { tenantId: undefined }, "common"],
    ["neither a tenant nor an app", { tenantId: undefined, clientId: undefined }, "organizations"],
    ["common", { tenantId: "common" }, "common"],
    ["organizations", { tenantId: "organizations" }, "organizations"],
    ["consumers", { tenantId: "consumers" }, "consumers"],
    ["a tenant", { tenantId: TENANT }, TENANT],
  ] as const
) {
  test(`with ${name} in the options, users sign in at "${tenant}"`, async () => {
    // The tenant of personal accounts.
    const tenantId = tenant === "consumers" ? "9188040d-6c67-4c5b-b112-36a304b66dad" : TENANT;
    const scene = createScene({ users: [{ tenantId, username: ADA, password: "a-password" }] });
    await settle(byDeviceCode(scene, options).getToken(GRAPH), scene);
    const paths = scene.entra.requests.map(({ path }) => path.split("/")[1]);
    assert.deepEqual(new Set(paths), new Set([tenant]));
    assert.equal(scene.entra.requests[0]!.form.client_id, "clientId" in options ? DEVELOPERS : CLIENT);
  });
}

test("after a sign-in with an account of any tenant, tokens are requested from the account's tenant", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, { tenantId: undefined });
  await settle(credential.getToken(GRAPH), scene);
  await settle(credential.getToken(VAULT), scene);
  assert.equal(scene.entra.requests.at(-1)!.path, `/${TENANT}/oauth2/v2.0/token`);
});

for (
  const [name, calls, tenants] of [
    ["and the next request is for the account's own tenant", [undefined, OTHER_TENANT, undefined], [
      "common",
      OTHER_TENANT,
      TENANT,
    ]],
    ["even in the first call", [OTHER_TENANT, undefined, OTHER_TENANT], [OTHER_TENANT, TENANT, OTHER_TENANT]],
  ] as const
) {
  test(`a call may name another tenant, ${name}`, async () => {
    // The token is for the requested tenant; the account's home tenant stays the same.
    const service = createService((request) => {
      const requested = request.url.split("/")[3]!;
      const tid = requested === "common" ? TENANT : requested;
      const client_info = btoa(JSON.stringify({ uid: "ada", utid: TENANT }));
      return signedInUser({ tid, iss: `https://login.microsoftonline.com/${tid}/v2.0` }, {
        access_token: `of ${tid}`,
        client_info,
      })(request);
    });
    const credential = signInTo(service, { tenantId: undefined });
    for (const [index, tenantId] of calls.entries()) {
      const { token } = await credential.getToken(`api://api-${index}/Read`, { tenantId });
      assert.equal(token, `of ${tenantId ?? TENANT}`);
    }
    const polled = service.requests.filter(({ url }) => url.endsWith("/token"));
    assert.deepEqual(polled.map(({ url }) => url.split("/")[3]), tenants);
  });
}

test('a record whose account id has no valid tenant results in the tenant "common"', async () => {
  for (const home of ["", ".", ".t", "./../x", `.${TENANT}x`]) {
    const service = createService(signedInUser());
    const credential = signInTo(service, {
      tenantId: undefined,
      authenticationRecord: {
        authority: "login.microsoftonline.com",
        homeAccountId: `ada${home}`,
        clientId: CLIENT,
        tenantId: TENANT,
        username: ADA,
      },
    });
    await failureOf(credential.getToken(GRAPH));
    assert.equal(service.requests[0]!.url.split("/")[3], "common");
  }
});

test("authenticate with the scopes and options of an error caches the token that the failed call requested", async () => {
  const service = createService(signedInUser());
  const credential = signInTo(service, { tenantId: undefined, disableAutomaticAuthentication: true });
  const error = await failureOf(credential.getToken(GRAPH)) as unknown as AuthenticationRequiredError;
  assert.deepEqual([error.name, error.scopes, error.getTokenOptions], [
    "AuthenticationRequiredError",
    [GRAPH],
    { enableCae: false },
  ]);
  await credential.authenticate(error.scopes, error.getTokenOptions);
  const sent = service.requests.length;
  await credential.getToken(GRAPH);
  assert.equal(service.requests.length, sent);
});

test("a response that arrives after an abort changes nothing, and another user can sign in", async () => {
  const scene = createScene();
  let release: (() => void) | undefined;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const response = await scene.entra.fetch(url, { ...init, signal: null });
      if (String(url).endsWith("/token") && !release) await new Promise<void>((resolve) => release = resolve);
      return response;
    },
  });
  const controller = new AbortController();
  const first = failureOf(credential.getToken(GRAPH, { abortSignal: controller.signal }));
  await scene.clock.untilSleeping(9_999);
  await scene.clock.advance(5_000);
  while (!release) await breathe();
  controller.abort();
  assert.equal((await first).name, "AbortError");
  scene.visitor = BOB;
  const second = credential.getToken(VAULT);
  await breathe();
  release();
  assert.equal(await ownerOf(scene, await settle(second, scene)), BOB);
});

test("a request that ends after its call has timed out does not start a third call while the second one is running", async () => {
  const scene = createScene();
  const responses: (() => void)[] = [];
  const credential = byDeviceCode(scene, {
    timeoutInMs: 10_000,
    retryOptions: { maxRetries: 0 },
    async fetch() {
      await new Promise<void>((resolve) => responses.push(resolve));
      return jsonAnswer({ error: "invalid_request" }, { status: 400 });
    },
  });
  const timedOut = failureOf(credential.getToken("api://a/Read"));
  while (responses.length < 1) await breathe();
  await scene.clock.advance(10_000);
  await timedOut;
  const others = ["api://b/Read", "api://c/Read"].map((scope) => failureOf(credential.getToken(scope)));
  while (responses.length < 2) await breathe();
  responses[0]!();
  for (let i = 0; i < 5; i++) {
    await breathe();
    await scene.clock.advance(100);
  }
  assert.equal(responses.length, 2);
  await scene.clock.advance(10_000);
  await Promise.all(others);
});

test("a call without a cached token does not use the failure of a background refresh", async () => {
  const scene = createScene({ tokenLifetimeInMs: 4 * HOUR });
  const cache = new Map();
  let release: (() => void) | undefined;
  let isHeld = false;
  const credential = byDeviceCode(scene, {
    cache,
    async fetch(url, init) {
      if (isHeld && !release && String(url).endsWith("/token")) await new Promise<void>((resolve) => release = resolve);
      return await scene.entra.fetch(url, init);
    },
  });
  await settle(credential.getToken(GRAPH), scene);
  await scene.clock.advance(2 * HOUR);
  scene.entra.revokeSessions(ADA);
  isHeld = true;
  await credential.getToken(GRAPH);
  while (!release) await breathe();
  cache.clear();
  const token = credential.getToken(GRAPH);
  await breathe();
  release();
  assert.equal(await ownerOf(scene, await settle(token, scene)), ADA);
  assert.equal(scene.prompts, 2);
});

test("a call for a tenant that is not allowed causes an AuthenticationError without a request", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const calls = [
    credential.getToken(GRAPH, { tenantId: OTHER_TENANT }),
    credential.authenticate(GRAPH, { tenantId: OTHER_TENANT }),
  ];
  for (const call of calls) {
    const error = await failureOf(call);
    assert.deepEqual([error.name, scene.entra.requests.length], ["AuthenticationError", 0]);
  }
  const allowed = byDeviceCode(scene, { additionallyAllowedTenants: [OTHER_TENANT] });
  await failureOf(settle(allowed.getToken(GRAPH, { tenantId: OTHER_TENANT, abortSignal: AbortSignal.abort() }), scene));
});

test("claims are sent with the refresh token, and the new token replaces the cached one", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const first = await settle(credential.getToken(GRAPH), scene);
  const second = await settle(credential.getToken(GRAPH, { claims: CLAIMS }), scene);
  assert.notEqual(second.token, first.token);
  assert.equal(await credential.getToken(GRAPH), second);
  assert.deepEqual(scene.entra.requests.at(-1)!.form.claims, CLAIMS);
  assert.deepEqual(grantsOf(scene), ["device_code", "refresh_token"]);
  await settle(credential.getToken(VAULT), scene);
  assert.equal(scene.entra.requests.at(-1)!.form.claims, undefined, "claims are not sent again");
});

test("the CAE capability is part of each request", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene);
  const { token } = await settle(credential.getToken(GRAPH, { enableCae: true }), scene);
  assert.deepEqual((await scene.entra.verify(token)).xms_cc, ["cp1"]);
  for (const { form } of scene.entra.requests) assert.match(form.claims!, /cp1/);
});

// ID tokens

interface IdToken {
  readonly [claim: string]: unknown;
}

const ID_TOKEN: IdToken = {
  aud: CLIENT,
  iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  sub: "a-user",
  oid: "an-object",
  tid: TENANT,
  iat: 1,
  exp: 9e9,
  preferred_username: "jö@contoso.com",
};

function jwtOf(claims: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  const base64 = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `eyJhbGciOiJSUzI1NiJ9.${base64}.c2ln`;
}

/**
 * Returns the responses of a service whose users enter their codes at once. `changes` replace claims of the ID token,
 * and `members` replace those of the token response.
 */
function signedInUser(changes: IdToken = {}, members: Record<string, unknown> = {}): (request: Asked) => Response {
  return ({ url }) =>
    url.endsWith("/devicecode")
      ? jsonAnswer({ device_code: "d", user_code: "u", verification_uri: "https://v.example", expires_in: 900 })
      : tokenAnswer({ refresh_token: "r", id_token: jwtOf({ ...ID_TOKEN, ...changes }), ...members });
}

function signInAt(respond: (request: Asked) => unknown, options: Parameters<typeof byDeviceCode>[1] = {}) {
  return signInTo(createService(respond), options);
}

/** Creates a credential of this service whose delays take no time. */
function signInTo(service: ReturnType<typeof createService>, options: Parameters<typeof byDeviceCode>[1]) {
  return byDeviceCode(createScene(), {
    ...isolatedOptions(service),
    runtime: HURRIED,
    userPromptCallback() {},
    ...options,
  });
}

for (
  const [name, changes, message] of [
    ["for another app", { aud: "another" }, /for another app/],
    ["without an audience", { aud: undefined }, /for another app/],
    ["from another issuer", { iss: "https://login.evil.example/" }, /from another issuer/],
    ["from another cloud", { iss: "https://login.microsoftonline.us/" }, /from another issuer/],
    ["from an external tenant", { iss: `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0` }, /from another issuer/],
    ["without an issuer", { iss: undefined }, /from another issuer/],
    ["with an issuer that is not a string", { iss: 7 }, /from another issuer/],
    ["that has expired", { exp: 1 }, /expired/],
    ["without an expiry time", { exp: undefined }, /expired/],
    ["without a subject", { sub: undefined }, /names no user/],
  ] as const
) {
  test(`an ID token ${name} is rejected`, async () => {
    const error = await failureOf(signInAt(signedInUser(changes)).getToken(GRAPH));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, /^DeviceCodeCredential: Cannot use the ID token: /);
    assert.match(error.message, message);
  });
}

for (
  const [name, header, claims, reason] of [
    ["without a signature", { alg: "none" }, {}, 'Unexpected JWT "alg" header parameter (OAUTH_INVALID_RESPONSE)'],
    ["with a critical header", { alg: "RS256", crit: ["x"] }, {}, "(OAUTH_UNSUPPORTED_OPERATION)"],
    ["without the time of issue", { alg: "RS256" }, { iat: undefined }, 'JWT "iat" (issued at) claim missing'],
    ["that is not valid yet", { alg: "RS256" }, { nbf: 9e9 }, "It is not valid yet: Check the clock"],
  ] as const
) {
  test(`an ID token ${name} is rejected, and the error has no "cause"`, async () => {
    const [head, ...rest] = [
      btoa(JSON.stringify(header)).replaceAll("=", ""),
      ...jwtOf({ ...ID_TOKEN, ...claims }).split(".").slice(1),
    ];
    const id_token = [head, ...rest].join(".");
    const error = await failureOf(signInAt(signedInUser({}, { id_token })).getToken(GRAPH));
    assert.deepEqual([error.name, error.statusCode, error.cause], ["AuthenticationError", 200, undefined]);
    assert.ok(error.message.toLowerCase().includes(reason.toLowerCase()), error.message);
    assert.ok(!`${error.message} ${error.stack}`.includes(id_token));
  });
}

for (const id_token of ["", "x", "a.b.c", "e30.W10.c2ln", 7, "a.%%%.c"]) {
  const isString = typeof id_token === "string" && id_token !== "";
  test(`an ID token that is ${JSON.stringify(id_token)} is ${isString ? "rejected" : "ignored"}`, async () => {
    const credential = signInAt(signedInUser({}, { id_token }));
    if (isString) {
      return assert.match((await failureOf(credential.getToken(GRAPH))).message, /malformed/);
    }
    assert.equal(await credential.authenticate(GRAPH), undefined);
    assert.equal((await credential.getToken(GRAPH)).token, "a-token");
  });
}

test("an ID token of a user with many groups is accepted, however long it is", async () => {
  const groups = Array.from({ length: 1000 }, () => crypto.randomUUID());
  const record = await signInAt(signedInUser({ groups })).authenticate(GRAPH);
  assert.equal(record?.username, "jö@contoso.com");
});

test("an ID token with two or four parts is malformed", async () => {
  const [header, payload, signature] = jwtOf(ID_TOKEN).split(".");
  for (const parts of [[header, payload], [header, payload, signature, ""]]) {
    const error = await failureOf(signInAt(signedInUser({}, { id_token: parts.join(".") })).getToken(GRAPH));
    assert.match(error.message, /Cannot use the ID token: It is malformed$/);
  }
});

test("an ID token from another host of the same cloud is accepted", async () => {
  for (
    const [authorityHost, iss] of [
      ["https://login.microsoftonline.com", `https://sts.windows.net/${TENANT}/`],
      ["https://login.windows.net", `https://login.microsoftonline.com/${TENANT}/v2.0`],
      ["https://login.chinacloudapi.cn", `https://login.partner.microsoftonline.cn/${TENANT}/v2.0`],
      ["https://contoso.ciamlogin.com", `https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`],
    ] as const
  ) {
    assert.equal((await signInAt(signedInUser({ iss }), { authorityHost }).getToken(GRAPH)).token, "a-token", iss);
  }
});

for (
  const iss of [
    "https://fabrikam.ciamlogin.com/fabrikam.onmicrosoft.com/v2.0",
    `https://fabrikam.ciamlogin.com/${TENANT}/v2.0`,
    `https://22222222-3333-4444-5555-666666666666.ciamlogin.com/${TENANT}/v2.0`,
    `http://${TENANT}.ciamlogin.com/${TENANT}/v2.0`,
    `https://${TENANT}.ciamlogin.com.evil.example/${TENANT}/v2.0`,
    `https://login.microsoftonline.com/${TENANT}/v2.0`,
  ]
) {
  test(`an external tenant's ID token with the issuer ${iss} is rejected`, async () => {
    const error = await failureOf(
      signInAt(signedInUser({ iss }), { authorityHost: "https://contoso.ciamlogin.com" }).getToken(GRAPH),
    );
    assert.match(error.message, /Cannot use the ID token: It is from another issuer/);
  });
}

test("the account is read from the available claims", async () => {
  const info = (value: unknown) => ({ client_info: btoa(JSON.stringify(value)) });
  for (
    const [changes, members, homeAccountId, username] of [
      [{}, info({ uid: "u", utid: "t" }), "u.t", "jö@contoso.com"],
      [{}, info({ uid: "u" }), `u.${TENANT}`, "jö@contoso.com"],
      [{}, {}, `an-object.${TENANT}`, "jö@contoso.com"],
      [{ oid: undefined, preferred_username: undefined, upn: "jo" }, {}, `a-user.${TENANT}`, "jo"],
      [{ preferred_username: "", email: "e" }, { client_info: "%%%" }, `an-object.${TENANT}`, "e"],
      [{ preferred_username: 7 }, {}, `an-object.${TENANT}`, ""],
    ] as const
  ) {
    const record = await signInAt(signedInUser(changes, members)).authenticate(GRAPH);
    assert.deepEqual([record?.homeAccountId, record?.username], [homeAccountId, username]);
  }
});

test("if an account is expected, a token response must name the account", async () => {
  const authenticationRecord = await signInAt(signedInUser()).authenticate(GRAPH);
  const error = await failureOf(
    signInAt(signedInUser({}, { id_token: undefined }), { authenticationRecord }).getToken(GRAPH),
  );
  assert.match(error.message, /Cannot determine which account signed in/);
});

test("without refresh tokens, each token needs a sign-in", async () => {
  let prompts = 0;
  const credential = signInAt(signedInUser({}, { refresh_token: undefined }), { userPromptCallback: () => prompts++ });
  for (const scope of [GRAPH, VAULT, GRAPH]) await credential.getToken(scope);
  assert.equal(prompts, 2);
});

test("after a sign-in that returns no refresh token, the refresh token of the previous user is not used", async () => {
  const users = ["ada", "bob", "bob"];
  const service = createService((request) => {
    const oid = users[service.requests.filter(({ url }) => url.endsWith("/devicecode")).length - 1]!;
    const members = { access_token: oid, client_info: undefined, refresh_token: oid === "ada" ? "of Ada" : undefined };
    return signedInUser({ oid }, members)(request);
  });
  const credential = signInTo(service, {});
  assert.match((await credential.authenticate(GRAPH))!.homeAccountId, /^ada/);
  assert.match((await credential.authenticate(VAULT))!.homeAccountId, /^bob/);
  assert.equal((await credential.getToken("https://storage.azure.com/.default")).token, "bob");
  const sent = service.requests.filter(({ url }) => url.endsWith("/token")).map(({ form }) => form.refresh_token);
  assert.deepEqual(sent, [undefined, undefined, undefined]);
});

test("a call with an aborted signal sends no request", async () => {
  const scene = createScene();
  const credential = byDeviceCode(scene, optionsOf(scene));
  const error = await failureOf(credential.authenticate(GRAPH, { abortSignal: AbortSignal.abort() }));
  assert.deepEqual([error.name, scene.entra.requests.length], ["AbortError", 0]);
});

test("an aborted sign-in does not change the account or its tokens when its response arrives late", async () => {
  const scene = createScene();
  let release: (() => void) | undefined;
  let isHeld = false;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const response = await scene.entra.fetch(url, { ...init, signal: null });
      if (isHeld && String(url).endsWith("/token")) await new Promise<void>((resolve) => release = resolve);
      return response;
    },
  });
  const adasToken = await settle(credential.getToken(GRAPH), scene);
  isHeld = true;
  scene.visitor = BOB;
  const controller = new AbortController();
  const late = failureOf(credential.authenticate(VAULT, { abortSignal: controller.signal }));
  await scene.clock.untilSleeping(9_999);
  await scene.clock.advance(5_000);
  while (!release) await breathe();
  controller.abort();
  assert.equal((await late).name, "AbortError");
  isHeld = false;
  release();
  await breathe();
  assert.equal(await credential.getToken(GRAPH), adasToken);
  assert.equal(await ownerOf(scene, await settle(credential.getToken(VAULT), scene)), ADA);
  assert.equal(scene.prompts, 2);
});
