// How users sign in to the simulated Entra, and the responses that an app gets.
import { DeviceCodeCredential, InteractiveBrowserCredential } from "@azweb/identity";
import {
  createAzurePipelines,
  createEntra,
  createFakeClock,
  type Entra,
  type EntraApp,
  type EntraOptions,
} from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { test } from "node:test";

const HOST = "https://login.microsoftonline.com";
const TENANT = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT = "fabrikam.com";
const ADA = "ada@contoso.com";
const BOB = "bob@contoso.com";
const SCOPE = "https://graph.microsoft.com/User.Read openid profile offline_access";
const REDIRECT_URI = "https://app.example/signed-in?from=entra";
const NOON = Date.UTC(2030, 0, 31, 12);
// The example in RFC 7636, appendix B.
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const APP: EntraApp = {
  tenantId: TENANT,
  clientId: "an-app",
  redirectUris: [REDIRECT_URI, "http://localhost", "http://localhost/here"],
};

type Form = Record<string, string | undefined>;

function setUp(options: EntraOptions = {}): Entra {
  return createEntra({
    apps: [
      APP,
      { tenantId: TENANT, clientId: "a-web-app", secrets: ["a-secret"] },
      { tenantId: TENANT, clientId: "another-app" },
      { tenantId: OTHER_TENANT, clientId: "an-app" },
    ],
    users: [ADA, BOB].map((username) => ({ tenantId: TENANT, username, password: "a-password" })),
    now: () => NOON,
    ...options,
  });
}

/** The parameters of a valid authorization request. */
const AUTHORIZATION_REQUEST: Form = {
  client_id: "an-app",
  response_type: "code",
  redirect_uri: REDIRECT_URI,
  scope: SCOPE,
  state: "a state&",
  nonce: "a-nonce",
  code_challenge: CHALLENGE,
  code_challenge_method: "S256",
};

function paramsOf(form: Form): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) params.set(name, value);
  return params;
}

function authorizeUrl(changes: Form = {}, tenant = TENANT): string {
  return `${HOST}/${tenant}/oauth2/v2.0/authorize?${paramsOf({ ...AUTHORIZATION_REQUEST, ...changes })}`;
}

function authorize(entra: Entra, changes: Form = {}, tenant = TENANT): Promise<Response> {
  return entra.fetch(authorizeUrl(changes, tenant), { redirect: "manual" });
}

/** Returns the parameters of the authorization response. */
async function responseOf(entra: Entra, changes: Form = {}, tenant = TENANT): Promise<Record<string, string>> {
  const response = await authorize(entra, changes, tenant);
  assert.equal(response.status, 302);
  return Object.fromEntries(new URL(response.headers.get("location")!).searchParams);
}

// deno-lint-ignore no-explicit-any
async function post(entra: Entra, form: Form, path = "token", tenant = TENANT): Promise<{ status: number; body: any }> {
  const response = await entra.fetch(`${HOST}/${tenant}/oauth2/v2.0/${path}`, { method: "POST", body: paramsOf(form) });
  return { status: response.status, body: await response.json() };
}

function redemption(code: string | undefined, changes: Form = {}): Form {
  return {
    grant_type: "authorization_code",
    client_id: "an-app",
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
    ...changes,
  };
}

test("the response has a code and the state, and the code results in tokens of the user", async () => {
  const entra = setUp();
  const { code, ...rest } = await responseOf(entra);
  assert.deepEqual(rest, { from: "entra", state: "a state&" });
  const { status, body } = await post(entra, redemption(code, { client_info: "1" }));
  assert.equal(status, 200);
  const [access, id] = [await entra.verify(body.access_token), await entra.verify(body.id_token)];
  assert.deepEqual([access.aud, access.upn, access.scp], ["https://graph.microsoft.com", ADA, "User.Read"]);
  assert.deepEqual([id.aud, id.nonce, id.preferred_username], ["an-app", "a-nonce", ADA]);
  assert.equal(typeof body.refresh_token, "string");
  assert.deepEqual(JSON.parse(atob(body.client_info)), { uid: access.oid, utid: TENANT });
});

test("the response is sent in the query, in the fragment or as a form", async () => {
  const entra = setUp();
  const query = (await authorize(entra, { response_mode: "query" })).headers.get("location")!;
  assert.match(query, /^https:\/\/app\.example\/signed-in\?from=entra&code=code-[\w-]+&state=a\+state%26$/);
  const fragment = (await authorize(entra, { response_mode: "fragment" })).headers.get("location")!;
  assert.match(fragment, /^https:\/\/app\.example\/signed-in\?from=entra#code=code-[\w-]+&state=a\+state%26$/);
  const form = await authorize(entra, { response_mode: "form_post", state: `"><b>` });
  assert.equal(form.status, 200);
  assert.match(form.headers.get("content-type")!, /^text\/html/);
  const html = await form.text();
  assert.match(html, /<form method="post" action="https:\/\/app\.example\/signed-in\?from=entra">/);
  assert.match(html, /name="code" value="code-[\w-]+"/);
  assert.match(html, /name="state" value="&#34;&#62;&#60;b&#62;"/);
});

test("the user of login_hint signs in, unless another user is configured", async () => {
  const entra = setUp();
  const userAfter = async (changes: Form, tenant?: string) => {
    const { code } = await responseOf(entra, changes, tenant);
    const { body } = await post(entra, redemption(code));
    return (await entra.verify(body.access_token)).upn;
  };
  assert.equal(await userAfter({}), ADA);
  assert.equal(await userAfter({ login_hint: "BOB@contoso.com" }), BOB);
  assert.equal(await userAfter({ login_hint: BOB }, "organizations"), BOB);
  entra.signInAs(BOB);
  assert.equal(await userAfter({ login_hint: ADA }), BOB);
  entra.signInAs();
  assert.equal(await userAfter({ login_hint: ADA }), ADA);
});

test("an app may send an authorization request by POST", async () => {
  const entra = setUp();
  const response = await entra.fetch(`${HOST}/${TENANT}/oauth2/v2.0/authorize`, {
    method: "POST",
    body: paramsOf(AUTHORIZATION_REQUEST),
    redirect: "manual",
  });
  assert.match(response.headers.get("location")!, /code=/);
});

for (
  const [name, changes, error, visitor] of [
    ["a user who declines", {}, "access_denied", null],
    ["an unknown user", { login_hint: "eve@contoso.com" }, "access_denied"],
    ["another response type", { response_type: "token" }, "unsupported_response_type"],
    ["no response type", { response_type: undefined }, "invalid_request"],
    ["no scope", { scope: undefined }, "invalid_request"],
    ["a challenge in plain text", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge without a method", { code_challenge_method: undefined }, "invalid_request"],
    ["a challenge of another length", { code_challenge: "short" }, "invalid_request"],
  ] as const
) {
  test(`Entra sends an error response for ${name}`, async () => {
    const entra = setUp();
    if (visitor === null) entra.signInAs(null);
    const response = await responseOf(entra, changes);
    assert.deepEqual([response.error, response.code, response.state], [error, undefined, "a state&"]);
    assert.match(response.error_description!, /^AADSTS\d+: /);
  });
}

for (
  const [name, changes, code, tenant] of [
    ["an unknown app", { client_id: "unknown-app" }, 700016],
    ["an unknown tenant", {}, 90002, "nowhere.example"],
    ["no redirect URI", { redirect_uri: undefined }, 900144],
    ["a malformed redirect URI", { redirect_uri: "nothing" }, 50011],
    ["another redirect URI", { redirect_uri: "https://evil.example" }, 50011],
    ["a redirect URI with more characters", { redirect_uri: `${REDIRECT_URI}&more` }, 50011],
    ["another path on the loopback address", { redirect_uri: "http://localhost:1/there" }, 50011],
    ["a loopback address with TLS", { redirect_uri: "https://localhost:1" }, 50011],
    ["a host that begins with localhost", { redirect_uri: "http://localhost.evil.example" }, 50011],
    ["an unknown response mode", { response_mode: "pigeon" }, 9002313],
  ] as const
) {
  test(`Entra shows an error and does not redirect for ${name}`, async () => {
    const response = await authorize(setUp(), changes, tenant);
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("location"), null);
    assert.match(await response.text(), new RegExp(`AADSTS${code}: `));
  });
}

test("any port of a loopback address is accepted, and any redirect URI of an app without redirectUris", async () => {
  for (const redirect_uri of ["http://localhost:1", "http://localhost", "http://localhost:65535/here"]) {
    assert.equal((await authorize(setUp(), { redirect_uri })).status, 302, redirect_uri);
  }
  const changes = { client_id: "another-app", redirect_uri: "https://anywhere.example/" };
  assert.equal((await authorize(setUp(), changes)).status, 302);
});

for (
  const [name, changes, error, code] of [
    ["no code", { code: undefined }, "invalid_request", 900144],
    ["an unknown code", { code: "guess" }, "invalid_grant", 70000],
    ["no redirect URI", { redirect_uri: undefined }, "invalid_request", 900144],
    ["another redirect URI", { redirect_uri: "http://localhost" }, "invalid_client", 500112],
    ["no verifier", { code_verifier: undefined }, "invalid_grant", 501481],
    ["another verifier", { code_verifier: `${VERIFIER}x` }, "invalid_grant", 501481],
    ["the challenge as verifier", { code_verifier: CHALLENGE }, "invalid_grant", 501481],
    ["another app", { client_id: "another-app" }, "invalid_grant", 70000],
    ["a secret of an app that has none", { client_secret: "guess" }, "invalid_client", 700025],
  ] as const
) {
  test(`Entra rejects the redemption of a code with ${name}`, async () => {
    const entra = setUp();
    const { code: given } = await responseOf(entra);
    const { body } = await post(entra, redemption(given, changes));
    assert.deepEqual([body.error, body.error_codes[0]], [error, code], JSON.stringify(body));
    assert.equal((await post(entra, redemption(given))).status, 200, "the code can still be redeemed");
  });
}

test("a code is accepted only at its tenant", async () => {
  const entra = setUp();
  const { code } = await responseOf(entra);
  assert.equal((await post(entra, redemption(code), "token", OTHER_TENANT)).body.error_codes[0], 700005);
  assert.equal((await post(entra, redemption(code), "token", "common")).status, 200);
});

test("a code without a challenge is not redeemed with a verifier", async () => {
  const entra = setUp();
  const { code } = await responseOf(entra, { code_challenge: undefined, code_challenge_method: undefined });
  assert.equal((await post(entra, redemption(code))).body.error_codes[0], 501481);
  assert.equal((await post(entra, redemption(code, { code_verifier: undefined }))).status, 200);
});

test("a code is accepted once and expires after ten minutes", async () => {
  const clock = createFakeClock(NOON);
  const entra = setUp({ now: clock.now });
  const { code } = await responseOf(entra);
  assert.equal((await post(entra, redemption(code))).status, 200);
  const again = await post(entra, redemption(code));
  assert.deepEqual([again.body.error, again.body.error_codes[0]], ["invalid_grant", 54005]);
  const { code: old } = await responseOf(entra);
  await clock.advance(600_000);
  const late = await post(entra, redemption(old));
  assert.deepEqual([late.body.error, late.body.error_codes[0]], ["invalid_grant", 70008]);
});

test("a web app must authenticate when it redeems a code", async () => {
  const entra = setUp();
  const redirect_uri = "https://web.example";
  const { code } = await responseOf(entra, { client_id: "a-web-app", redirect_uri });
  const form = redemption(code, { client_id: "a-web-app", redirect_uri });
  assert.equal((await post(entra, form)).body.error_codes[0], 7000218);
  assert.equal((await post(entra, { ...form, client_secret: "guess" })).body.error_codes[0], 7000215);
  assert.equal((await post(entra, { ...form, client_secret: "a-secret" })).status, 200);
});

test("a sign-in uses multi-factor authentication if a password is not sufficient", async () => {
  const users = [{ tenantId: TENANT, username: ADA, password: "a-password", requiresMfa: true }];
  const entra = setUp({ users });
  const { code } = await responseOf(entra);
  const { body } = await post(entra, redemption(code));
  assert.deepEqual((await entra.verify(body.access_token)).amr, ["pwd", "mfa"]);
  const refresh = { grant_type: "refresh_token", client_id: "an-app", scope: SCOPE, refresh_token: body.refresh_token };
  assert.equal((await post(entra, refresh)).status, 200);
});

test("a refresh token is replaced when it is used, and is then rejected unless allowReplay is set", async () => {
  for (const allowReplay of [false, true]) {
    const entra = setUp({ allowReplay });
    const { code } = await responseOf(entra);
    const { body: first } = await post(entra, redemption(code));
    const refresh = (token: string) =>
      post(entra, { grant_type: "refresh_token", client_id: "an-app", scope: SCOPE, refresh_token: token });
    const second = await refresh(first.refresh_token);
    assert.notEqual(second.body.refresh_token, first.refresh_token);
    const again = await refresh(first.refresh_token);
    assert.equal(again.status, allowReplay ? 200 : 400);
    if (!allowReplay) assert.deepEqual([again.body.error, again.body.error_codes[0]], ["invalid_grant", 70000]);
    assert.equal((await refresh(second.body.refresh_token)).status, 200);
  }
});

test("revoking sessions affects only their user", async () => {
  const entra = setUp();
  const tokens: string[] = [];
  for (const login_hint of [ADA, BOB]) {
    const { code } = await responseOf(entra, { login_hint });
    tokens.push((await post(entra, redemption(code))).body.refresh_token);
  }
  entra.revokeSessions("Ada@contoso.com");
  const [adasResponse, bobsResponse] = await Promise.all(
    tokens.map((refresh_token) =>
      post(entra, { grant_type: "refresh_token", client_id: "an-app", scope: SCOPE, refresh_token })
    ),
  );
  const { error, suberror, error_codes } = adasResponse!.body;
  assert.deepEqual([error, suberror, error_codes[0]], [
    "invalid_grant",
    "bad_token",
    50173,
  ]);
  assert.equal(bobsResponse!.status, 200);
});

// The browser

for (const [mode, method] of [["form_post", "POST"], ["query", "GET"]] as const) {
  test(`the browser sends the response by ${mode} to the server that listens, and to no other`, async () => {
    const entra = setUp();
    const received: [where: string, request: Request][] = [];
    const [one, other] = await Promise.all(
      ["one", "other"].map((where) =>
        entra.browser.listen((request) => {
          received.push([where, request]);
          return new Response();
        })
      ),
    );
    assert.notEqual(one!.port, other!.port);
    await entra.browser.openUrl(
      authorizeUrl({ redirect_uri: `http://localhost:${one!.port}`, response_mode: mode, state: `a "state" & <more>` }),
    );
    const [[where, request]] = received as [[string, Request]];
    assert.deepEqual([received.length, where, request.method], [1, "one", method]);
    const parameters = method === "POST"
      ? new URLSearchParams(await request.text())
      : new URL(request.url).searchParams;
    assert.equal(parameters.get("state"), `a "state" & <more>`);
    const redirect_uri = `http://localhost:${one!.port}`;
    const { body } = await post(entra, redemption(parameters.get("code")!, { redirect_uri }));
    assert.equal((await entra.verify(body.access_token)).upn, ADA);
  });
}

test("the browser reports the error page of Entra", async () => {
  const { openUrl } = setUp().browser;
  const redirect_uri = "https://evil.example";
  await assert.rejects(openUrl(authorizeUrl({ redirect_uri })), {
    message: /^The browser shows "AADSTS50011: .*'https:\/\/evil\.example'/,
  });
});

test("the browser reports a refused connection if no server listens", async () => {
  const { listen, openUrl } = setUp().browser;
  const url = authorizeUrl({ redirect_uri: "http://localhost:8400" });
  const message = 'Connection to "http://localhost:8400" refused (simulated)';
  await assert.rejects(openUrl(url), { message });
  let received = 0;
  const server = await listen(() => {
    received++;
    return new Response();
  }, 8400);
  await assert.rejects(async () => await listen(() => new Response(), 8400), /Port 8400 is already in use/);
  await openUrl(url);
  server.close();
  await assert.rejects(openUrl(url), { message });
  assert.equal(received, 1);
});

test("a credential signs in the browser's user, or gets an error if no user signs in", async () => {
  const entra = setUp();
  const credential = new InteractiveBrowserCredential({
    tenantId: TENANT,
    clientId: "an-app",
    env: {},
    fetch: entra.fetch,
    runtime: { ...entra.browser, now: () => NOON },
  });
  const scope = "https://graph.microsoft.com/User.Read";
  entra.signInAs(null);
  await assert.rejects(credential.getToken(scope), {
    name: "AuthenticationError",
    message: /access_denied. AADSTS65004/,
  });
  entra.signInAs(BOB);
  assert.equal((await entra.verify((await credential.getToken(scope)).token)).upn, BOB);
  entra.signInAs(ADA);
  assert.equal((await credential.authenticate(scope))?.username, ADA);
});

// Device codes

const POLL = "urn:ietf:params:oauth:grant-type:device_code";

async function requestDeviceCode(entra: Entra, changes: Form = {}) {
  return await post(entra, { client_id: "an-app", scope: SCOPE, ...changes }, "devicecode");
}

test("a device code is pending until it is entered", async () => {
  const clock = createFakeClock(NOON);
  const entra = setUp({ now: clock.now });
  const { body } = await requestDeviceCode(entra);
  const { device_code, user_code, message, ...rest } = body;
  assert.deepEqual(rest, { verification_uri: "https://microsoft.com/devicelogin", expires_in: 900, interval: 5 });
  assert.match(user_code, /^[A-Z0-9]{9}$/);
  assert.ok(message.includes(user_code) && message.includes(rest.verification_uri));
  const poll = () => post(entra, { grant_type: POLL, client_id: "an-app", device_code });

  const pending = await poll();
  assert.deepEqual([pending.status, pending.body.error], [400, "authorization_pending"]);
  await clock.advance(4_999);
  assert.equal((await poll()).body.error, "slow_down");
  await clock.advance(9_999);
  assert.equal((await poll()).body.error, "slow_down", "each slow_down adds five seconds");
  await clock.advance(15_000);
  assert.equal((await poll()).body.error, "authorization_pending");
  entra.enterUserCode(user_code.toLowerCase(), BOB);
  const { body: tokens } = await poll();
  assert.equal((await entra.verify(tokens.access_token)).upn, BOB);
  assert.equal((await entra.verify(tokens.id_token)).preferred_username, BOB);
  assert.equal((await poll()).body.error, "invalid_grant", "a device code is accepted once");
});

test("a device code expires and can be declined", async () => {
  const clock = createFakeClock(NOON);
  const entra = setUp({ now: clock.now });
  const [a, b] = [(await requestDeviceCode(entra)).body, (await requestDeviceCode(entra)).body];
  const poll = (device_code: string) => post(entra, { grant_type: POLL, client_id: "an-app", device_code });
  entra.enterUserCode(a.user_code, null);
  assert.equal((await poll(a.device_code)).body.error, "authorization_declined");
  await clock.advance(900_000);
  assert.equal((await poll(b.device_code)).body.error, "expired_token");
});

test("entering an unknown code or user throws a TypeError, because it is a mistake in the test", async () => {
  const entra = setUp();
  const { body } = await requestDeviceCode(entra);
  assert.throws(() => entra.enterUserCode("GUESS", ADA), { name: "TypeError", message: /"GUESS"/ });
  assert.throws(() => entra.enterUserCode(body.user_code, "eve"), { name: "TypeError", message: /"eve"/ });
});

for (
  const [name, changes, code] of [
    ["an unknown app", { client_id: "unknown-app" }, 700016],
    ["an app that must authenticate", { client_id: "a-web-app" }, 7000218],
    ["no scope", { scope: undefined }, 900144],
  ] as const
) {
  test(`Entra returns no device code for ${name}`, async () => {
    assert.equal((await requestDeviceCode(setUp(), changes)).body.error_codes[0], code);
  });
}

test("a device code is accepted only for its app, and with the grant type of older clients", async () => {
  const entra = setUp();
  const { body } = await requestDeviceCode(entra);
  entra.enterUserCode(body.user_code, ADA);
  const form = { grant_type: "device_code", client_id: "an-app", device_code: body.device_code };
  assert.equal((await post(entra, { ...form, client_id: "another-app" })).body.error_codes[0], 70000);
  assert.equal((await post(entra, { ...form, device_code: "guess" })).body.error_codes[0], 70000);
  assert.equal((await post(entra, form)).status, 200);
});

// On-behalf-of exchanges

const MIDDLE: EntraApp = {
  tenantId: TENANT,
  clientId: "a-middle-tier",
  secrets: ["a-secret"],
  identifierUris: ["api://middle", "https://middle.example"],
};

async function tokenFor(entra: Entra, resource: string): Promise<string> {
  const scope = `${resource}/access`;
  const { body } = await post(entra, {
    grant_type: "password",
    client_id: "an-app",
    username: ADA,
    password: "a-password",
    scope,
  });
  return body.access_token;
}

function onBehalf(assertion: string, changes: Form = {}): Form {
  return {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    client_id: "a-middle-tier",
    client_secret: "a-secret",
    assertion,
    requested_token_use: "on_behalf_of",
    scope: SCOPE,
    ...changes,
  };
}

test("a user's token is exchanged by the app of its audience", async () => {
  const entra = setUp({ apps: [APP, MIDDLE] });
  for (const resource of ["api://middle", "https://middle.example", "a-middle-tier", "API://Middle"]) {
    const { status, body } = await post(entra, onBehalf(await tokenFor(entra, resource)));
    assert.equal(status, 200, JSON.stringify(body));
    const { aud, upn, appid, appidacr } = await entra.verify(body.access_token);
    assert.deepEqual([aud, upn, appid, appidacr], ["https://graph.microsoft.com", ADA, "a-middle-tier", "1"]);
  }
});

test("an app without identifier URIs is identified by its client id", async () => {
  const { identifierUris: _, ...plain } = MIDDLE;
  const entra = setUp({ apps: [APP, plain] });
  assert.equal((await post(entra, onBehalf(await tokenFor(entra, "api://a-middle-tier")))).status, 200);
});

for (
  const [name, changes, error, code] of [
    ["no assertion", { assertion: undefined }, "invalid_request", 900144],
    ["a malformed assertion", { assertion: "guess" }, "invalid_grant", 50013],
    ["no requested_token_use", { requested_token_use: undefined }, "invalid_request", 900144],
    ["another requested_token_use", { requested_token_use: "other" }, "invalid_request", 9002313],
    ["a wrong secret", { client_secret: "guess" }, "invalid_client", 7000215],
    ["no secret", { client_secret: undefined }, "invalid_client", 7000218],
    ["a public app", { client_id: "an-app", client_secret: undefined }, "invalid_client", 7000218],
  ] as const
) {
  test(`Entra rejects an exchange with ${name}`, async () => {
    const entra = setUp({ apps: [APP, MIDDLE] });
    const { body } = await post(entra, onBehalf(await tokenFor(entra, "api://middle"), changes));
    assert.deepEqual([body.error, body.error_codes[0]], [error, code], JSON.stringify(body));
  });
}

test("Entra rejects the exchange of a token that is modified, expired, for another app or without a user", async () => {
  const clock = createFakeClock(NOON);
  const entra = setUp({ apps: [APP, MIDDLE], now: clock.now });
  const good = await tokenFor(entra, "api://middle");
  const foreign = await tokenFor(entra, "https://vault.azure.net");
  const { body: { access_token: own } } = await post(entra, {
    grant_type: "client_credentials",
    client_id: "a-middle-tier",
    client_secret: "a-secret",
    scope: "api://middle/.default",
  });
  const codeOf = async (assertion: string) => {
    const { body } = await post(entra, onBehalf(assertion));
    assert.equal(body.error, "invalid_grant");
    assert.ok(!JSON.stringify(body).includes(assertion));
    return body.error_codes[0];
  };
  assert.equal(await codeOf(`${good.slice(0, -8)}AAAAAAAA`), 50013);
  assert.equal(await codeOf(foreign), 500131);
  assert.equal(await codeOf(own), 7000114);
  await clock.advance(3_600_000);
  assert.equal(await codeOf(good), 500133);
});

test("a token acquired by a password cannot be exchanged if a password is not sufficient", async () => {
  const careful = { tenantId: TENANT, username: ADA, password: "a-password", requiresMfa: true };
  const lax = setUp({ apps: [APP, MIDDLE] });
  const entra = setUp({ apps: [APP, MIDDLE], users: [careful] });
  const { body } = await post(entra, onBehalf(await tokenFor(lax, "api://middle")));
  assert.deepEqual([body.error, body.error_codes[0]], ["interaction_required", 50076]);
  assert.equal(typeof body.claims, "string");
  const { code } = await responseOf(entra, { scope: "api://middle/access" });
  const { body: { access_token } } = await post(entra, redemption(code));
  assert.equal((await post(entra, onBehalf(access_token))).status, 200);
});

// Azure Pipelines

test("a job gets an OIDC token of its service connections", async () => {
  const job = createAzurePipelines({ serviceConnections: ["one & two"] });
  const requestOidcToken = async (changes: { id?: string; token?: string; method?: string; version?: string } = {}) => {
    const url = new URL(job.env.SYSTEM_OIDCREQUESTURI!);
    url.searchParams.set("api-version", changes.version ?? "7.1");
    url.searchParams.set("serviceConnectionId", changes.id ?? "one & two");
    const response = await job.fetch(url, {
      method: changes.method ?? "POST",
      headers: {
        authorization: `Bearer ${changes.token ?? job.systemAccessToken}`,
        "x-tfs-fedauthredirect": "Suppress",
      },
    });
    assert.ok(response.headers.get("x-vss-e2eid"));
    return response;
  };
  assert.equal((await requestOidcToken()).status, 200);
  assert.equal((await requestOidcToken({ id: "another" })).status, 404);
  assert.equal((await requestOidcToken({ token: "guess" })).status, 401);
  assert.equal((await requestOidcToken({ method: "GET" })).status, 400);
  assert.equal((await requestOidcToken({ version: "6.0" })).status, 400);

  const { oidcToken } = await (await requestOidcToken()).json();
  const entra = setUp({
    apps: [{
      tenantId: TENANT,
      clientId: "an-app",
      federatedCredentials: [await job.federatedCredential("one & two")],
    }],
    now: Date.now,
  });
  const { status } = await post(entra, {
    grant_type: "client_credentials",
    client_id: "an-app",
    client_assertion: oidcToken,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    scope: "https://vault.azure.net/.default",
  });
  assert.equal(status, 200);
});

test("a request for an OIDC token without X-TFS-FedAuthRedirect is redirected, and faults apply", async () => {
  const job = createAzurePipelines({ serviceConnections: [] });
  const url = job.env.SYSTEM_OIDCREQUESTURI!;
  assert.equal((await job.fetch(url, { method: "POST", redirect: "manual" })).status, 302);
  job.failNext({ status: 503 });
  assert.equal((await job.fetch(url, { method: "POST" })).status, 503);
  await assert.rejects(job.fetch("https://elsewhere.example"), { name: "TypeError" });
});

test('the option "origin" sets the issuer behind another origin; without it, the error names both issuers', async () => {
  const reached = "https://entra.test";
  for (const origin of [undefined, reached, `${reached}/`]) {
    const clock = createFakeClock(NOON);
    const entra = setUp({ now: clock.now, ...origin !== undefined && { origin } });
    const credential = new DeviceCodeCredential({
      ...{ tenantId: TENANT, clientId: "another-app", authorityHost: reached, disableInstanceDiscovery: true },
      userPromptCallback: ({ userCode }) => entra.enterUserCode(userCode, ADA),
      env: {},
      fetch: (url, init) => entra.handle(new Request(String(url).replace(reached, "http://127.0.0.1:8080"), init)),
      runtime: clock,
      waitUntil() {},
    });
    const getting = credential.getToken("https://graph.microsoft.com/User.Read").then(
      () => "a token",
      ({ message }) => message,
    );
    await clock.untilSleeping(5000);
    await clock.advance(5000);
    assert.equal(
      await getting,
      origin ? "a token" : "DeviceCodeCredential: Cannot use the ID token: It is from another issuer: expected " +
        `https://entra.test/…, got http://127.0.0.1:8080/${TENANT}/v2.0`,
    );
  }
  for (const origin of ["", "entra.test", "data:,"]) {
    assert.throws(() => createEntra({ origin }), {
      name: "TypeError",
      message: 'Option "origin" must be a URL, such as "http://127.0.0.1:8080"',
    });
  }
});
