// Runs on: deno, node, bun, workerd, edge
// The sign-in of users to a web app. Does not run in browsers, where a script can neither send cookies in a header nor
// read them from one.
import type { LogEvent } from "@azweb/identity";
import { createWebSignIn, type WebSignInOptions, type WebUser } from "@azweb/identity/web-sign-in";
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CERTIFICATE, KEY } from "../support/certificates/certificates.ts";
import { failureOf, jsonAnswer } from "../support/service.ts";
import {
  CLIENT,
  createSignInService,
  GRAPH_SCOPE,
  ME,
  SECRET,
  type SignInService,
  type SignInServiceOptions,
  TENANT,
} from "../support/sign_in/sign_in_service.ts";
import { type Env, handle } from "../support/web/sign_in_worker.ts";
import { openBrowser, setCookiesOf, type WebBrowser } from "../support/sign_in/web_browser.ts";

const APP = "https://my.app";
const KEY_1 = btoa("1".repeat(32));
const KEY_2 = btoa("2".repeat(32));

interface App {
  readonly service: SignInService;
  readonly signIn: ReturnType<typeof createWebSignIn>;
  readonly browser: WebBrowser;
  /** Starts a sign-in, and returns the callback URL of its response. */
  begin(username?: string, browser?: WebBrowser): Promise<string>;
}

function optionsFor(service: SignInService, options: Partial<WebSignInOptions> = {}): WebSignInOptions {
  return {
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: SECRET,
    redirectUri: `${APP}/signed-in`,
    scopes: GRAPH_SCOPE,
    returnPaths: ["/", "/mail", "/files/*"],
    sealingKey: KEY_1,
    ...service.options,
    ...options,
  };
}

function createApp(options: Partial<WebSignInOptions> = {}, serviceOptions: SignInServiceOptions = {}): App {
  const service = createSignInService(serviceOptions);
  const signIn = createWebSignIn(optionsFor(service, options));
  const open = () => openBrowser((request) => signIn.signIn(request));
  const browser = open();
  return {
    service,
    signIn,
    browser,
    begin: async (username = "jo@contoso.com", from = browser) =>
      await service.signIn((await from.get(`${APP}/mail?folder=1`)).headers.get("location")!, username),
  };
}

/** Opens the browser of another user. */
function openOther({ signIn }: App): WebBrowser {
  return openBrowser((request) => signIn.signIn(request));
}

async function me({ service }: App, credential: WebUser["credential"]): Promise<string> {
  const { token } = await credential.getToken(GRAPH_SCOPE);
  return (await (await service.fetch(ME, { headers: { authorization: `Bearer ${token}` } })).json()).userPrincipalName;
}

test("a user signs in and returns to the page", async () => {
  const app = createApp();
  const back = await app.begin();
  const { lastAsked } = app.service;
  assert.deepEqual(
    [lastAsked.response_type, lastAsked.response_mode, lastAsked.code_challenge_method, lastAsked.redirect_uri],
    ["code", "query", "S256", `${APP}/signed-in`],
  );
  assert.deepEqual(lastAsked.scope!.split(" ").sort(), [GRAPH_SCOPE, "offline_access", "openid", "profile"].sort());
  const { account, credential, response } = await app.signIn.redeem(app.browser.request(back));
  assert.deepEqual(account, {
    authority: "login.microsoftonline.com",
    homeAccountId: `oid-of-jo@contoso.com.${TENANT}`,
    clientId: CLIENT,
    tenantId: TENANT,
    username: "jo@contoso.com",
  });
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), `${APP}/mail?folder=1`);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  app.browser.take(response);
  assert.equal(app.browser.cookies.size, 0, "the cookie is removed");
  assert.equal(await me(app, credential), "jo@contoso.com");
  const forms = app.service.requests.filter(({ url }) => url !== ME).map(({ form }) => form.grant_type);
  assert.deepEqual(forms, ["authorization_code"], "the redemption of the code returns the token");
});

test("the cookie is limited to this host, TLS and HTTP, and its value is encrypted", async () => {
  const app = createApp();
  const response = await app.browser.get(`${APP}/mail?secret`);
  const [cookie, ...others] = setCookiesOf(response);
  assert.deepEqual(others, []);
  assert.match(
    cookie!,
    /^__Host-sign-in-[\w-]{10}=[\w-]{300,900}; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
  );
  const { searchParams } = new URL(response.headers.get("location")!);
  for (const secret of [searchParams.get("state")!, searchParams.get("nonce")!, "/mail", "verifier"]) {
    assert.ok(!`${cookie} ${atob(valueOf(cookie!))}`.includes(secret));
  }
  const again = setCookiesOf(await app.browser.get(`${APP}/mail?secret`))[0]!;
  assert.notEqual(valueOf(again).slice(0, 16), valueOf(cookie!).slice(0, 16), "each is sealed with a new nonce");
});

function valueOf(cookie: string): string {
  return cookie.slice(cookie.indexOf("=") + 1).split(";")[0]!.replaceAll("-", "+").replaceAll("_", "/");
}

const CLIENT_AUTHENTICATIONS: Record<
  string,
  [Partial<WebSignInOptions>, (form: Readonly<Record<string, string>>) => boolean]
> = {
  "a secret": [{}, (form) => form.client_secret === SECRET],
  "a certificate": [
    { clientSecret: undefined, clientCertificate: { certificate: CERTIFICATE + KEY } },
    (form) => form.client_assertion?.split(".").length === 3 && !form.client_secret,
  ],
  "an assertion": [
    { clientSecret: undefined, getAssertion: () => Promise.resolve("an.assertion.jwt") },
    (form) => form.client_assertion === "an.assertion.jwt",
  ],
};
for (const [name, [options, checkApp]] of Object.entries(CLIENT_AUTHENTICATIONS)) {
  test(`an app may authenticate with ${name}`, async () => {
    const app = createApp(options, { checkApp });
    const { account } = await app.signIn.redeem(app.browser.request(await app.begin()));
    assert.equal(account.username, "jo@contoso.com");
  });
}

test("an authority whose discovery fails causes an error of WebSignIn", async () => {
  const app = createApp({
    authorityHost: "https://login.private.example",
    fetch: () => Promise.reject(new Error("No")),
  });
  const { name, message } = await failureOf(app.signIn.signIn(new Request(`${APP}/`)));
  assert.equal(name, "AuthenticationError");
  assert.match(message, /^WebSignIn: Cannot discover the authority "https:\/\/login\.private\.example/);
});

test("another process completes the sign-in and resumes the session", async () => {
  const app = createApp();
  const back = await app.begin();
  const other = createWebSignIn(optionsFor(app.service));
  const session = await (await other.redeem(app.browser.request(back))).sealSession();
  assert.match(session, /^[\w-]+$/);
  const { account, credential } = await app.signIn.resume(session);
  assert.equal(account.username, "jo@contoso.com");
  assert.equal(await me(app, credential), "jo@contoso.com");
  assert.equal(app.service.refreshes, 0, "the same process uses the cached token");
  const elsewhere = await createWebSignIn(optionsFor(app.service, { cache: new Map() })).resume(session);
  assert.equal(await me(app, elsewhere.credential), "jo@contoso.com");
  assert.equal(app.service.refreshes, 1);
  const renewed = await app.signIn.resume(await elsewhere.sealSession());
  assert.equal(await me(app, renewed.credential), "jo@contoso.com");
  assert.equal(app.service.refreshes, 1, "a session with a new refresh token is still the same session");
});

test("sealing keys can be rotated", async () => {
  const app = createApp();
  const back = await app.begin();
  const next = createWebSignIn(optionsFor(app.service, { sealingKey: [KEY_2, KEY_1] }));
  const session = await (await next.redeem(app.browser.request(back))).sealSession();
  await assert.rejects(app.signIn.resume(session), { name: "AuthenticationRequiredError" }, "the first key seals");
  const last = createWebSignIn(optionsFor(app.service, { sealingKey: KEY_2 }));
  assert.equal((await last.resume(session)).account.username, "jo@contoso.com");
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode("2".repeat(32)), "AES-GCM", false, [
    ...["encrypt", "decrypt"] as const,
  ]);
  const withCryptoKey = createWebSignIn(optionsFor(app.service, { sealingKey: key }));
  assert.equal((await withCryptoKey.resume(session)).account.username, "jo@contoso.com");
});

test("two sign-ins in two tabs are completed in either order", async () => {
  const app = createApp();
  const [first, second] = [await app.begin("jo@contoso.com"), await app.begin("sam@contoso.com")];
  for (const [back, username] of [[second, "sam@contoso.com"], [first, "jo@contoso.com"]] as const) {
    const { account, credential, response } = await app.signIn.redeem(app.browser.request(back));
    app.browser.take(response);
    assert.equal(account.username, username);
    assert.equal(await me(app, credential), username);
  }
  assert.equal(app.browser.cookies.size, 0);
});

test("cookies of abandoned sign-ins are removed, and the app's own cookies are kept", async () => {
  const app = createApp();
  const own = [["__Host-session", "a"], ["__Host-sign-in-a", "b"], ["sign-in-0123456789", "c"]] as const;
  for (const [name, value] of own) app.browser.cookies.set(name, value);
  const backs: string[] = [];
  for (let count = 0; count < 12; count++) backs.push(await app.begin());
  assert.equal(app.browser.cookies.size, own.length + 5);
  assert.deepEqual(own.map(([name]) => app.browser.cookies.get(name)), ["a", "b", "c"]);
  assert.match((await failureOf(app.signIn.redeem(app.browser.request(backs[6]!)))).message, /no cookie/);
  for (const back of backs.slice(7)) await app.signIn.redeem(app.browser.request(back));
});

test("the options of a sign-in are sent in the authorization request", async () => {
  const app = createApp();
  const claims = JSON.stringify({ access_token: { acrs: { essential: true, value: "c1" } } });
  const options = {
    claims,
    loginHint: "jo@contoso.com",
    domainHint: "contoso.com",
    prompt: "login",
    returnPath: "/files/a?b#c",
  };
  const redirect = await app.signIn.signIn(new Request(`${APP}/`, { method: "POST" }), options);
  app.browser.take(redirect);
  const back = await app.service.signIn(redirect.headers.get("location")!, "jo@contoso.com");
  const { claims: sent, login_hint, domain_hint, prompt } = app.service.lastAsked;
  assert.deepEqual([sent, login_hint, domain_hint, prompt], [claims, "jo@contoso.com", "contoso.com", "login"]);
  const { response } = await app.signIn.redeem(app.browser.request(back));
  assert.equal(response.headers.get("location"), `${APP}/files/a?b#c`);
});

describe("a return path", () => {
  const TRICKS = [
    ...[
      "//evil.test",
      "///evil.test",
      "/\\evil.test",
      "\\\\evil.test",
      "https://evil.test",
      "https:evil.test",
      "javascript:alert(1)",
    ],
    ...[
      "/\t/evil.test",
      "/\n/evil.test",
      "/mail\r\nset-cookie: a=b",
      " /mail",
      "/mail ",
      "mail",
      "",
      "?",
      "#",
      "/%2f%2fevil.test",
    ],
    ...[
      "/files/..//evil.test",
      "/files/../admin",
      "/admin/../mail",
      "/files/%2e%2e/admin",
      "/files/.%2E/admin",
      "/files/..%2fadmin",
      "/files/%5cevil",
    ],
    ...[
      "/files//evil.test",
      "/files/..%252fadmin",
      "/files/%00",
      "/files/%0d%0aa: b",
      "/files/%7f",
      "/mail/",
      "/mailbox",
      "/files",
      "/MAIL",
      "/mail;a",
    ],
    ...[
      "/filesystem",
      "/files/é",
      "/@evil.test",
      "/.evil.test",
      "/admin?/mail",
      "/admin#/mail",
      `/mail?${"a".repeat(1000)}`,
    ],
  ];
  for (const returnPath of TRICKS) {
    test(`is rejected if it is not allowed: ${JSON.stringify(returnPath.slice(0, 40))}`, async () => {
      const { signIn } = createApp();
      const error = await failureOf(signIn.signIn(new Request(`${APP}/`), { returnPath }));
      assert.equal(error.name, "TypeError");
      assert.equal(error.message, 'Option "returnPath" must be one of "returnPaths"');
    });
  }
  test("is the first one of returnPaths if the page of the request is not allowed", async () => {
    const app = createApp();
    app.browser.take(await app.signIn.signIn(new Request(`${APP}//evil.test`)));
    const redirect = await app.browser.get(`${APP}//evil.test/..`);
    const back = await app.service.signIn(redirect.headers.get("location")!, "jo@contoso.com");
    const { response } = await app.signIn.redeem(app.browser.request(back));
    assert.equal(response.headers.get("location"), `${APP}/`);
  });
  test("is the first one of returnPaths for a POST request", async () => {
    const app = createApp();
    const redirect = await app.browser.get(`${APP}/mail`, { method: "POST" });
    const back = await app.service.signIn(redirect.headers.get("location")!, "jo@contoso.com");
    const { response } = await app.signIn.redeem(app.browser.request(back));
    assert.equal(response.headers.get("location"), `${APP}/`);
  });
  for (const host of ["https://evil.test", "http://10.0.0.1:8080"]) {
    test(`is at the host of the redirect URI, not at that of the request: ${host}`, async () => {
      const app = createApp();
      const back = (await app.begin()).replace(APP, host);
      const { response } = await app.signIn.redeem(app.browser.request(back));
      assert.equal(response.headers.get("location"), `${APP}/mail?folder=1`);
    });
  }
  test("is rejected if it has been removed from returnPaths during the sign-in", async () => {
    const app = createApp();
    const back = await app.begin();
    const signIn = createWebSignIn(optionsFor(app.service, { returnPaths: ["/"] }));
    assert.match(
      (await failureOf(signIn.redeem(app.browser.request(back)))).message,
      /The return path is no longer allowed/,
    );
  });
});

describe("rejects an authorization response", () => {
  const cases: Record<string, [reason: RegExp, (app: App, back: string) => Request | Promise<Request>]> = {
    "without the cookie": [/no cookie of this sign-in/, (_app, back) => new Request(back)],
    "with the cookie of another browser": [/no cookie of this sign-in/, async (app, back) => {
      const other = openOther(app);
      await app.begin("sam@contoso.com", other);
      return other.request(back);
    }],
    "with the cookie of another browser under the expected name": [
      /The response belongs to another sign-in/,
      async (app, back) => {
        const other = openOther(app);
        await app.begin("sam@contoso.com", other);
        const [value] = other.cookies.values();
        const [name] = app.browser.cookies.keys();
        app.browser.cookies.set(name!, value!);
        return app.browser.request(back);
      },
    ],
    "with a cookie that was sealed with another key": [/not sealed by this app/, (app, back) => {
      return sealedBy(app, back, { sealingKey: KEY_2 });
    }],
    "with a cookie of another app": [/not sealed by this app/, (app, back) => {
      return sealedBy(app, back, { clientId: "another-app" });
    }],
    "with a cookie of another tenant": [/not sealed by this app/, (app, back) => {
      return sealedBy(app, back, { tenantId: "another-tenant" });
    }],
    "with a cookie for another redirect URI": [/not sealed by this app/, (app, back) => {
      return sealedBy(app, back, { redirectUri: `${APP}/another` });
    }],
    "with a session instead of a cookie": [/not sealed by this app/, async (app) => {
      const user = await app.signIn.redeem(app.browser.request(await app.begin()));
      const session = await user.sealSession();
      const back = await app.begin();
      app.browser.cookies.set([...app.browser.cookies.keys()].at(-1)!, session);
      return app.browser.request(back);
    }],
    "with a modified cookie": [/not sealed by this app/, (app, back) => {
      return changed(app, back, (value) => value.slice(0, 50) + (value[50] === "A" ? "B" : "A") + value.slice(51));
    }],
    "with a truncated cookie": [
      /not sealed by this app/,
      (app, back) => changed(app, back, (value) => value.slice(0, -4)),
    ],
    "with a cookie that is empty": [/not sealed by this app/, (app, back) => changed(app, back, () => "")],
    "with a cookie that is not base64": [/not sealed by this app/, (app, back) => changed(app, back, () => "%%%")],
    "with a cookie that is too large": [/no cookie of this sign-in/, (app, back) => {
      return changed(app, back, (value) => value + "A".repeat(4096));
    }],
    "with several cookies of the same name": [/not sealed by this app/, (app, back) => {
      const cookie = app.browser.request(back).headers.get("cookie");
      return new Request(back, { headers: { cookie: `${cookie}; ${cookie}` } });
    }],
    "by POST": [/must be a GET request/, (app, back) => app.browser.request(back, { method: "POST" })],
    "by HEAD": [/must be a GET request/, (app, back) => app.browser.request(back, { method: "HEAD" })],
    "without a state": [/no valid "state"/, (app, back) => app.browser.request(back.replace(/state=[^&]+/, ""))],
    "with a malformed state": [
      /no valid "state"/,
      (app, back) => app.browser.request(back.replace(/state=[^&]+/, "state=a%0d%0ab")),
    ],
    "with two states": [/several "state" parameters/, (app, back) => app.browser.request(`${back}&state=another`)],
    "with two codes": [/several "code" parameters/, (app, back) => app.browser.request(`${back}&code=another`)],
    "with two issuers": [/several "iss" parameters/, (app, back) => {
      return app.browser.request(`${back}&iss=https://login.microsoftonline.com/${TENANT}/v2.0&iss=https://evil.test`);
    }],
    "with two errors": [/several "error" parameters/, (app, back) => app.browser.request(`${back}&error=a&error=b`)],
    "with a changed state": [/The response belongs to another sign-in/, (app, back) => {
      return app.browser.request(back.replace(/(state=[^&]+)[^&]/, (_all, rest) => `${rest}-`).replace(/--$/, "-_"));
    }],
    "from another issuer": [
      /The response is from another issuer/,
      (app, back) => app.browser.request(`${back}&iss=https://evil.test/v2.0`),
    ],
    "with a malformed issuer": [
      /The response is from another issuer/,
      (app, back) => app.browser.request(`${back}&iss=evil`),
    ],
    "with an error and a code": [
      /access_denied$/,
      (app, back) => app.browser.request(`${back}&error=access_denied`),
    ],
    "with an error whose description contains the code and the state": [
      /access_denied. \[redacted\] for \[redacted\]$/,
      (app, back) => {
        const { searchParams } = new URL(back);
        const description = `${searchParams.get("code")} for ${searchParams.get("state")}`;
        return app.browser.request(`${back}&error=access_denied&error_description=${encodeURIComponent(description)}`);
      },
    ],
    "from an external tenant": [
      /The response is from another issuer/,
      (app, back) => app.browser.request(`${back}&iss=https://${TENANT}.ciamlogin.com/${TENANT}/v2.0`),
    ],
    "without a code": [/The response has no code/, (app, back) => app.browser.request(back.replace(/code=[^&]+/, ""))],
    "as a JWT": [
      /JARM.*\(OAUTH_INVALID_RESPONSE\)$/,
      (app, back) => app.browser.request(`${back}&response=e30.e30.x`),
    ],
    "with an ID token": [
      /hybrid flows are not supported \(OAUTH_UNSUPPORTED_OPERATION\)$/,
      (app, back) => app.browser.request(`${back}&id_token=e30.e30.x`),
    ],
    "that is an error": [/access_denied. The user said no/, (app, back) => {
      return app.browser.request(back.replace(/code=[^&]+/, "error=access_denied&error_description=The+user+said+no"));
    }],
  };
  for (const [name, [reason, prepare]] of Object.entries(cases)) {
    test(name, async () => {
      const app = createApp();
      const request = await prepare(app, await app.begin());
      const sent = app.service.requests.length;
      const error = await failureOf(app.signIn.redeem(request));
      assert.equal(error.name, "AuthenticationError", String(error.stack));
      assert.match(error.message, reason);
      assert.match(error.message, /^WebSignIn: Cannot sign in: /);
      assert.equal(error.cause, undefined);
      assert.equal(app.service.requests.length, sent, "nothing is sent");
      // The message names the issuer, which is no secret.
      const parameters = [...new URL(request.url).searchParams].filter(([name]) => name !== "iss");
      const secrets = [...app.browser.cookies.values(), ...parameters.map(([, value]) => value)];
      for (const secret of secrets.filter((value) => value.length > 20)) {
        assert.ok(!`${error.message} ${error.stack} ${JSON.stringify(error)}`.includes(secret));
      }
    });
  }

  async function sealedBy(app: App, _back: string, options: Partial<WebSignInOptions>): Promise<Request> {
    const other = createWebSignIn(optionsFor(app.service, options));
    const browser = openBrowser((request) => other.signIn(request));
    const redirect = await browser.get(`${APP}/mail`);
    return browser.request(await app.service.signIn(redirect.headers.get("location")!, "jo@contoso.com"));
  }

  function changed({ browser }: App, back: string, change: (value: string) => string): Request {
    for (const [name, value] of browser.cookies) browser.cookies.set(name, change(value));
    return browser.request(back);
  }
});

test("a sign-in that takes longer than ten minutes is rejected", async () => {
  const clock = createFakeClock();
  const app = createApp({ runtime: clock }, { now: clock.now });
  const [early, late] = [await app.begin(), await app.begin()];
  await clock.advance(599_999);
  await app.signIn.redeem(app.browser.request(early));
  await clock.advance(1);
  assert.match((await failureOf(app.signIn.redeem(app.browser.request(late)))).message, /took longer than 10 minutes$/);
});

test("a code is redeemed once, with and without a cache, and a failure is logged once", async () => {
  for (const cache of [undefined, false] as const) {
    const events: LogEvent[] = [];
    const app = createApp({ ...cache === false && { cache }, log: (event) => events.push(event) });
    const back = await app.begin();
    const request = app.browser.request(back);
    await app.signIn.redeem(request);
    assert.equal(app.service.requests.length, 1);
    assert.deepEqual(events.map(({ event }) => event), ["token-acquired"]);
    const error = await failureOf(app.signIn.redeem(request));
    assert.deepEqual(events.slice(1).map(({ event, message }) => [event, message]), [["token-failed", error.message]]);
  }
});

test("a replayed response is rejected, with and without the cookie", async () => {
  const app = createApp();
  const back = await app.begin();
  const request = () => app.browser.request(back);
  const again = request();
  app.browser.take((await app.signIn.redeem(request())).response);
  assert.match((await failureOf(app.signIn.redeem(request()))).message, /no cookie/);
  assert.match((await failureOf(app.signIn.redeem(again))).message, /invalid_grant/, "the code is used up");
});

test("an attacker's code in a victim's browser is rejected", async () => {
  const app = createApp();
  const attacker = openOther(app);
  const [victimsUrl, attackersUrl] = [await app.begin("jo@contoso.com"), await app.begin("eve@evil.test", attacker)];
  const code = new URL(attackersUrl).searchParams.get("code")!;
  const mixed = victimsUrl.replace(/code=[^&]+/, `code=${code}`);
  // The code verifier does not match the code.
  assert.match((await failureOf(app.signIn.redeem(app.browser.request(mixed)))).message, /invalid_grant/);
  assert.match((await failureOf(app.signIn.redeem(app.browser.request(attackersUrl)))).message, /no cookie/);
});

test("a victim's code in an attacker's browser is rejected", async () => {
  const app = createApp();
  const attacker = openOther(app);
  const [victimsUrl, attackersUrl] = [await app.begin("jo@contoso.com"), await app.begin("eve@evil.test", attacker)];
  const code = new URL(victimsUrl).searchParams.get("code")!;
  assert.match((await failureOf(app.signIn.redeem(attacker.request(victimsUrl)))).message, /no cookie/);
  const mixed = attackersUrl.replace(/code=[^&]+/, `code=${code}`);
  assert.match((await failureOf(app.signIn.redeem(attacker.request(mixed)))).message, /invalid_grant/);
});

const ID_TOKENS: Record<string, [Readonly<Record<string, unknown>>, RegExp]> = {
  "of another sign-in": [{ nonce: "another" }, /It belongs to another sign-in/],
  "without a nonce": [{ nonce: undefined }, /It belongs to another sign-in/],
  "for another app": [{ aud: "another" }, /It is for another app/],
  "from another issuer": [{ iss: `https://evil.test/${TENANT}/v2.0` }, /It is from another issuer/],
  "of another tenant": [{ tid: "11111111-0000-0000-0000-000000000000" }, /It is of another tenant/],
  "that has expired": [{ exp: 1 }, /It has expired/],
};
for (const [name, [claims, reason]] of Object.entries(ID_TOKENS)) {
  test(`an ID token ${name} is rejected`, async () => {
    const app = createApp({}, { claims });
    const error = await failureOf(app.signIn.redeem(app.browser.request(await app.begin())));
    assert.equal(error.name, "AuthenticationError");
    assert.match(error.message, reason);
  });
}

test("a response may contain the expected issuer", async () => {
  const app = createApp({}, { issuer: `https://login.microsoftonline.com/${TENANT}/v2.0` });
  await app.signIn.redeem(app.browser.request(await app.begin()));
});

describe("resuming a session", () => {
  async function sessionOf(app: App): Promise<string> {
    return await (await app.signIn.redeem(app.browser.request(await app.begin()))).sealSession();
  }
  for (
    const [name, change] of Object.entries({
      "changed": (text: string) => text.slice(0, 60) + (text[60] === "A" ? "B" : "A") + text.slice(61),
      "truncated": (text: string) => text.slice(0, -8),
      "empty": () => "",
      "not base64": () => "%",
    })
  ) {
    test(`rejects a session that is ${name}`, async () => {
      const app = createApp();
      const error = await failureOf(app.signIn.resume(change(await sessionOf(app))));
      assert.equal(error.name, "AuthenticationRequiredError");
      assert.match(error.message, /^WebSignIn: A user has to sign in: The session was not sealed by this app/);
      assert.deepEqual(error.scopes, [GRAPH_SCOPE]);
    });
  }
  test("rejects a cookie instead of a session", async () => {
    const app = createApp();
    await app.begin();
    const [cookie] = app.browser.cookies.values();
    await assert.rejects(app.signIn.resume(cookie!), { name: "AuthenticationRequiredError" });
  });
  test("rejects an expired session, even if it was sealed again", async () => {
    const clock = createFakeClock();
    const app = createApp({ runtime: clock, sessionLifetimeInMs: 1000 }, { now: clock.now });
    const session = await sessionOf(app);
    await clock.advance(999);
    const again = await (await app.signIn.resume(session)).sealSession();
    await clock.advance(1);
    assert.match((await failureOf(app.signIn.resume(again))).message, /The session has expired/);
  });
  test("accepts a session with a very long refresh token", async () => {
    const app = createApp();
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const body = await (await app.service.fetch(input, init)).json();
      return jsonAnswer({ ...body, refresh_token: "r".repeat(300_000) });
    };
    const other = createApp({ fetch });
    const user = await other.signIn.redeem(app.browser.request(await app.begin()));
    assert.equal((await other.signIn.resume(await user.sealSession())).account.username, "jo@contoso.com");
  });
  test("accepts a session of any age if its lifetime is infinite", async () => {
    const clock = createFakeClock();
    const app = createApp({ runtime: clock, sessionLifetimeInMs: Infinity }, { now: clock.now });
    const session = await sessionOf(app);
    await clock.advance(1e12);
    assert.equal((await app.signIn.resume(session)).account.username, "jo@contoso.com");
  });
  test("results in an AuthenticationRequiredError after Microsoft Entra has revoked it", async () => {
    const app = createApp({ cache: false }, { refusesRefresh: true });
    const { credential } = await app.signIn.resume(await sessionOf(app));
    const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: "1" } } });
    const error = await failureOf(credential.getToken(GRAPH_SCOPE, { claims }));
    assert.deepEqual(error.getTokenOptions, { claims });
    assert.equal(error.name, "AuthenticationRequiredError");
    assert.match(error.message, /The session can no longer get tokens/);
    assert.match((error.cause as Error).message, /invalid_grant/);
    assert.deepEqual(error.scopes, [GRAPH_SCOPE]);
  });
});

test("a code is redeemed once, even if the refresh token is rejected", async () => {
  const app = createApp({ cache: false }, { refusesRefresh: true });
  const { credential } = await app.signIn.redeem(app.browser.request(await app.begin()));
  await assert.rejects(credential.getToken(GRAPH_SCOPE), { name: "AuthenticationRequiredError" });
  const grants = app.service.requests.map(({ form }) => form.grant_type);
  assert.deepEqual(grants, ["authorization_code", "refresh_token"]);
});

// The example Worker

const ENV: Env = {
  AZURE_TENANT_ID: TENANT,
  AZURE_CLIENT_ID: CLIENT,
  AZURE_CLIENT_SECRET: SECRET,
  REDIRECT_URI: `${APP}/signed-in`,
  SEALING_KEY: KEY_1,
};

test("two users of one process are separated, and one user's sign-out does not affect the other", async () => {
  const service = createSignInService();
  const handler = (request: Request) => handle(request, ENV, service.fetch);
  const users = ["jo@contoso.com", "sam@contoso.com"].map((name) => ({ name, browser: openBrowser(handler) }));
  await Promise.all(users.map(async ({ name, browser }) => {
    const away = await browser.get(`${APP}/me`);
    const home = await browser.get(await service.signIn(away.headers.get("location")!, name));
    assert.equal(home.headers.get("location"), `${APP}/me`);
  }));
  for (let round = 0; round < 3; round++) {
    await Promise.all(users.map(async ({ name, browser }) => {
      assert.equal(await (await browser.get(`${APP}/me`)).text(), `${name} is ${name} to Microsoft Graph`);
    }));
  }
  const [jo, sam] = users.map(({ browser }) => browser) as [WebBrowser, WebBrowser];
  const away = await jo.get(`${APP}/sign-out`, { method: "POST" });
  const [location, query] = away.headers.get("location")!.split("?") as [string, string];
  assert.equal(location, `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/logout`);
  assert.equal(new URLSearchParams(query).get("post_logout_redirect_uri"), `${APP}/`);
  assert.equal((await jo.get(`${APP}/me`)).status, 302);
  assert.match(await (await sam.get(`${APP}/me`)).text(), /^sam@contoso.com is sam@contoso.com/);
});

test("a failed sign-in is logged, and its user sees only how to try again", async () => {
  const logged: unknown[] = [];
  const { error } = console;
  console.error = (...messages) => {
    logged.push(...messages);
  };
  try {
    const service = createSignInService();
    for (
      const [secret, query, status, message] of [
        [SECRET, "?error=access_denied", 400, /^WebSignIn: Cannot sign in: The response has no valid "state"/],
        ["an old secret", undefined, 500, /^WebSignIn: .*invalid_client/],
      ] as const
    ) {
      const env = { ...ENV, AZURE_CLIENT_SECRET: secret };
      const browser = openBrowser((request) => handle(request, env, service.fetch));
      const away = await browser.get(`${APP}/me`);
      const back = await service.signIn(away.headers.get("location")!, "jo@contoso.com");
      const response = await browser.get(query ? `${APP}/signed-in${query}` : back);
      assert.equal(response.status, status);
      assert.equal(await response.text(), 'You are not signed in. <a href="/me">Try again</a>');
      assert.match(String(logged.pop()), message);
    }
  } finally {
    console.error = error;
  }
});

describe("throws a TypeError for", () => {
  const cases: [name: string, Partial<Record<keyof WebSignInOptions, unknown>>, RegExp][] = [
    ["no tenant", { tenantId: "" }, /^Option "tenantId" must be the id or the domain name/],
    ["no client id", { clientId: "" }, /^Option "clientId" must be /],
    ["no scopes", { scopes: [] }, /^Option "scopes" must have at least one scope/],
    ["a malformed scope", { scopes: ["a b"] }, /^Option "scopes" has a malformed scope/],
    ["an empty secret", { clientSecret: "" }, /^Option "clientSecret" must be /],
    ["no certificate", { clientSecret: undefined, clientCertificate: {} }, /^Option "clientCertificate" must have /],
    ["no key", { sealingKey: undefined }, /"sealingKey"/],
    ["no keys", { sealingKey: [] }, /"sealingKey"/],
    ["a short key", { sealingKey: btoa("short") }, /"sealingKey"/],
    ["a malformed key", { sealingKey: [KEY_1, {}] }, /"sealingKey"/],
    [
      "a redirect URI with http",
      { redirectUri: "http://my.app/signed-in" },
      /^Option "redirectUri" .* "https:", or with "http:" on localhost/,
    ],
    ["a redirect URI that is not a string", { redirectUri: new URL(APP) }, /^Option "redirectUri"/],
    ["a redirect URI that is not absolute", { redirectUri: "/signed-in" }, /"redirectUri"/],
    ["a redirect URI with a query", { redirectUri: `${APP}/?a=b` }, /"redirectUri"/],
    ["a return path on another host", { returnPaths: ["//evil.test"] }, /"returnPaths"/],
    ["a return path with a query", { returnPaths: ["/a?b"] }, /"returnPaths"/],
    ["no return path", { returnPaths: [] }, /"returnPaths"/],
    [
      "no client authentication",
      { clientSecret: undefined },
      /exactly one of "clientSecret", "clientCertificate", "getAssertion"/,
    ],
    [
      "a first return path with a wildcard",
      { returnPaths: ["/*"] },
      /^Option "returnPaths" .*: the first one without "\*", such as "\/", /,
    ],
    [
      "two kinds of client authentication",
      { getAssertion: () => Promise.resolve("") },
      /"clientSecret", "clientCertificate", "getAssertion"/,
    ],
    ["a negative lifetime", { sessionLifetimeInMs: -1 }, /"sessionLifetimeInMs"/],
  ];
  for (const [name, options, message] of cases) {
    test(name, () => {
      const { service } = createApp();
      assert.throws(
        () => createWebSignIn(optionsFor(service, options as Partial<WebSignInOptions>)),
        (error: Error) => {
          assert.equal(error.name, "TypeError");
          assert.match(error.message, message);
          assert.ok(!error.message.includes(btoa("short")));
          return true;
        },
      );
    });
  }
});
