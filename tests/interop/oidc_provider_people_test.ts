// Runs on: deno, node, bun
// Users sign in at an independent, certified authorization server. It validates PKCE and lifetimes, and that codes and
// refresh tokens are used once.
import {
  type AccessToken,
  AuthorizationCodeCredential,
  type AuthorizationCodeCredentialOptions,
  DeviceCodeCredential,
  type DeviceCodeCredentialOptions,
  type DeviceCodeInfo,
  type GetTokenOptions,
} from "@azweb/identity";
import { createFakeClock, type FakeClock } from "@azweb/identity/testing";
import { createWebSignIn } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  API_SCOPE,
  CODE_LIFETIME_IN_S,
  DESKTOP_APP,
  DESKTOP_REDIRECT_URI,
  MANY_SCOPES,
  type OidcProvider,
  REFRESH_TOKEN_LIFETIME_IN_S,
  startOidcProvider,
  WEB_APP,
  WEB_APP_REDIRECT_URI,
  WEB_APP_SECRET,
} from "../support/interop/oidc_provider.ts";
import { settle } from "../support/sign_in/people.ts";
import { failureOf, TENANT } from "../support/service.ts";
import { createVisitor, type Visitor } from "../support/sign_in/visitor.ts";
import { openBrowser } from "../support/sign_in/web_browser.ts";

const HOUR = 3_600_000;
const SCOPES = [API_SCOPE, ...MANY_SCOPES];
// RFC 7636, appendix B.
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/** The server, the user who signs in, and their clock. */
interface Scene {
  readonly server: OidcProvider;
  readonly clock: FakeClock;
  readonly visitor: Visitor;
  /** Number of device codes that the user has seen. */
  prompts: number;
  /** Whether the next token response is lost after the server has sent it. */
  isNextLost: boolean;
  /** Changes to the claims of ID tokens. */
  changes: Record<string, unknown>;
  /** The options of a credential. */
  options: OidcProvider["options"];
}

/** Runs the server while `use` does. */
async function withServer(use: (scene: Scene) => Promise<void>): Promise<void> {
  const clock = createFakeClock();
  const server = await startOidcProvider();
  const scene: Scene = {
    server,
    clock,
    visitor: createVisitor("jo"),
    prompts: 0,
    isNextLost: false,
    changes: {},
    options: {
      ...server.options,
      runtime: clock,
      async fetch(url, init) {
        const response = await fetch(url, init);
        if (!String(url).endsWith("/token")) return response;
        const text = await response.text();
        if (scene.isNextLost) {
          scene.isNextLost = false;
          throw new TypeError("The connection is gone");
        }
        return new Response(changeIdToken(text, scene.changes), response);
      },
    },
  };
  // The server runs in this process and uses `Date.now`.
  const { now } = Date;
  Date.now = clock.now;
  try {
    await use(scene);
  } finally {
    Date.now = now;
    await server.close();
  }
}

/** Changes claims of the ID token in a response, and does not change its signature. */
function changeIdToken(response: string, changes: Record<string, unknown>): string {
  const body = JSON.parse(response);
  if (body.id_token === undefined) return response;
  const [header, payload, signature] = body.id_token.split(".");
  const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), ...changes };
  const changed = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return JSON.stringify({ ...body, id_token: [header, changed, signature].join(".") });
}

/** Creates a credential whose device codes the user enters at once. */
function byDeviceCode(scene: Scene, options: DeviceCodeCredentialOptions = {}): DeviceCodeCredential {
  async function enter({ verificationUri, userCode }: DeviceCodeInfo): Promise<void> {
    scene.prompts++;
    await scene.visitor.visit(verificationUri, { userCode });
  }
  const { userPromptCallback = enter, fetch = scene.options.fetch! } = options;
  let visit: unknown;
  return new DeviceCodeCredential({
    ...scene.options,
    ...options,
    async fetch(url, init) {
      // The user's requests take real time, which the fake clock of the polls does not measure.
      if (String(url).endsWith("/token")) await visit;
      return await fetch(url, init);
    },
    userPromptCallback: (info) => visit = userPromptCallback(info),
  });
}

/** Signs the user in to an app, and returns the authorization code. */
async function codeFor({ server, visitor }: Scene, clientId: string, redirectUri: string): Promise<string> {
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: ["openid", "profile", "offline_access", ...SCOPES].join(" "),
    prompt: "login consent",
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
  });
  const { url } = await visitor.visit(`${server.options.authorityHost}/${TENANT}/oauth2/v2.0/authorize?${query}`);
  return new URL(url).searchParams.get("code")!;
}

/** Parameters that a test uses instead of the valid ones. */
interface Changes extends AuthorizationCodeCredentialOptions {
  readonly secret?: string;
  readonly redirectUri?: string;
}

/** Creates a credential of the app with a secret, for an authorization code. */
function byCode(scene: Scene, code: string, changes: Changes = {}): AuthorizationCodeCredential {
  const { secret = WEB_APP_SECRET, redirectUri = WEB_APP_REDIRECT_URI, ...rest } = changes;
  const options = { ...scene.options, codeVerifier: VERIFIER, ...rest };
  return new AuthorizationCodeCredential(TENANT, WEB_APP, secret, code, redirectUri, options);
}

/** Returns the user of an access token from the server, if the token is valid. */
async function ownerOf({ server }: Scene, { token }: AccessToken): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${token}` };
  return (await (await fetch(`${server.options.authorityHost}/me`, { headers })).json()).sub;
}

/** Sends a request again, as an attacker would. Returns the error. */
async function replay({ server }: Scene, form: URLSearchParams): Promise<string> {
  const url = `${server.options.authorityHost}/${TENANT}/oauth2/v2.0/token`;
  return (await (await fetch(url, { method: "POST", body: form })).json()).error;
}

// Device codes

test("a device code: polls at the required interval until the user has signed in", async () => {
  await withServer(async (scene) => {
    const { server, clock, visitor } = scene;
    const polls: number[] = [];
    let enter: (() => Promise<unknown>) | undefined;
    const started = clock.now();
    const credential = byDeviceCode(scene, {
      async fetch(url, init) {
        if (String(url).endsWith("/token")) polls.push(clock.now() - started);
        if (polls.length === 3) await enter!();
        return await scene.options.fetch!(url, init);
      },
      userPromptCallback({ verificationUri, userCode, message }) {
        assert.equal(message, `Open ${verificationUri} and enter the code ${userCode}`);
        enter = () => visitor.visit(verificationUri, { userCode });
      },
    });
    const token = await settle(credential.getToken(API_SCOPE), scene);
    assert.equal(await ownerOf(scene, token), "jo");
    assert.deepEqual(server.grants, [
      "device_code: authorization_pending",
      "device_code: authorization_pending",
      "device_code: granted",
    ]);
    // The server returns no interval (RFC 8628, section 3.2).
    assert.deepEqual(polls, [5_000, 10_000, 15_000]);
  });
});

for (const declines of ["the device", "the sign-in"] as const) {
  test(`a device code: declining ${declines} ends the sign-in, and the next call shows another code`, async () => {
    await withServer(async (scene) => {
      const { server, visitor } = scene;
      let willDecline = true;
      const credential = byDeviceCode(scene, {
        async userPromptCallback({ verificationUri, userCode }) {
          const { html } = await visitor.visit(verificationUri, {
            userCode,
            declines: willDecline ? declines : undefined,
          });
          assert.match(html, willDecline ? /The Sign-in request was interrupted/ : /Sign-in Success/);
        },
      });
      const { name, message, errorResponse } = await failureOf(settle(credential.getToken(API_SCOPE), scene));
      assert.equal(name, "AuthenticationError");
      assert.match(
        message,
        /^DeviceCodeCredential: .*: access_denied \(HTTP 400\)\. End-User aborted interaction\. Request the token again$/,
      );
      assert.equal((errorResponse as { error: string }).error, "access_denied");
      willDecline = false;
      assert.equal(await ownerOf(scene, await settle(credential.getToken(API_SCOPE), scene)), "jo");
      assert.deepEqual(server.grants, ["device_code: access_denied", "device_code: granted"]);
    });
  });
}

test("a device code: the server's expiry error ends the sign-in, and the next call shows another code", async () => {
  await withServer(async (scene) => {
    const { server, visitor } = scene;
    const codes: string[] = [];
    const credential = byDeviceCode(scene, {
      async userPromptCallback({ verificationUri, userCode }) {
        if (codes.push(userCode) > 1) await visitor.visit(verificationUri, { userCode });
      },
    });
    const { name, message } = await failureOf(settle(credential.getToken(API_SCOPE), scene));
    assert.equal(name, "AuthenticationError");
    assert.match(
      message,
      /^DeviceCodeCredential: .*: expired_token \(HTTP 400\)\. device code is expired\. Request the token again$/,
    );
    const polls = CODE_LIFETIME_IN_S / 5;
    assert.deepEqual(server.grants, [
      ...Array(polls - 1).fill("device_code: authorization_pending"),
      "device_code: expired_token",
    ]);
    assert.equal(await ownerOf(scene, await settle(credential.getToken(API_SCOPE), scene)), "jo");
    assert.equal(new Set(codes).size, 2);
  });
});

test("a device code: using it a second time is rejected and ends the session", async () => {
  await withServer(async (scene) => {
    const { server } = scene;
    const credential = byDeviceCode(scene);
    const token = await settle(credential.getToken(API_SCOPE), scene);
    assert.equal(await replay(scene, server.forms[0]!), "invalid_grant");
    assert.equal(server.grants.at(-1), "device_code: device code already consumed");
    assert.equal(await ownerOf(scene, token), undefined);
    const next = await settle(credential.getToken(API_SCOPE, { claims: "{}" }), scene);
    assert.equal(await ownerOf(scene, next), "jo");
    assert.equal(scene.prompts, 2);
  });
});

test("a device code: a lost token response causes an error, and the next call shows another code", async () => {
  await withServer(async (scene) => {
    const { server } = scene;
    const credential = byDeviceCode(scene);
    scene.isNextLost = true;
    const { message } = await failureOf(settle(credential.getToken(API_SCOPE), scene));
    assert.match(message, /^DeviceCodeCredential: .*: invalid_grant \(HTTP 400\)/);
    assert.deepEqual(server.grants, ["device_code: granted", "device_code: device code already consumed"]);
    assert.equal(await ownerOf(scene, await settle(credential.getToken(API_SCOPE), scene)), "jo");
  });
});

test("a device code: aborting the call ends the polling", async () => {
  await withServer(async (scene) => {
    const { server, clock } = scene;
    const controller = new AbortController();
    const credential = byDeviceCode(scene, { userPromptCallback() {} });
    const failure = failureOf(credential.getToken(API_SCOPE, { abortSignal: controller.signal }));
    const untilWaiting = () => Promise.race([failure, clock.untilSleeping(9_999)]);
    await untilWaiting();
    await clock.advance(5_000);
    await untilWaiting();
    controller.abort();
    assert.equal((await failure).name, "AbortError");
    assert.deepEqual(clock.sleeping, []);
    await clock.advance(30_000);
    assert.deepEqual(server.grants, ["device_code: authorization_pending"]);
  });
});

test("a device code: an unknown app causes an error, and no code is shown", async () => {
  await withServer(async (scene) => {
    const { message } = await failureOf(byDeviceCode(scene, { clientId: "unknown" }).getToken(API_SCOPE));
    assert.match(
      message,
      /^DeviceCodeCredential: Cannot get a code from ".*\/devicecode": invalid_client \(HTTP 401\)/,
    );
    assert.equal(scene.prompts, 0);
  });
});

test("a device code: the record has the account of the ID token, and with that record another account is rejected", async () => {
  await withServer(async (scene) => {
    const record = await settle(byDeviceCode(scene).authenticate(API_SCOPE), scene);
    assert.deepEqual(record, {
      authority: new URL(scene.server.options.authorityHost!).host,
      homeAccountId: `jo.${TENANT}`,
      clientId: DESKTOP_APP,
      tenantId: TENANT,
      username: "jo@contoso.com",
    });
    const otherScene = { ...scene, visitor: createVisitor("sam") };
    const credential = byDeviceCode(otherScene, { authenticationRecord: record });
    const { message } = await failureOf(settle(credential.getToken(API_SCOPE), scene));
    assert.match(message, /Another user has signed in: Expected "jo@contoso\.com", got "sam@contoso\.com"/);
    assert.deepEqual(scene.server.grants, ["device_code: granted", "device_code: granted"]);
  });
});

// Authorization codes

for (
  const [name, changes, error, outcome] of [
    ["no verifier", { codeVerifier: undefined }, "invalid_grant (HTTP 400)", "code_verifier must be provided"],
    ["another verifier", { codeVerifier: "a".repeat(43) }, "invalid_grant (HTTP 400)", "does not match code_challenge"],
    [
      "the challenge as its verifier",
      { codeVerifier: CHALLENGE },
      "invalid_grant (HTTP 400)",
      "does not match code_challenge",
    ],
    [
      "half a verifier",
      { codeVerifier: VERIFIER.slice(0, 21) },
      "invalid_request (HTTP 400). code_verifier must be a string",
      "invalid_request",
    ],
    [
      "another redirect URI",
      { redirectUri: `${WEB_APP_REDIRECT_URI}/` },
      "invalid_grant (HTTP 400)",
      "redirect_uri mismatch",
    ],
    ["another secret", { secret: "wrong" }, "invalid_client (HTTP 401)", "invalid secret"],
  ] as const
) {
  test(`an authorization code with ${name} is rejected, and remains valid for the right request`, async () => {
    await withServer(async (scene) => {
      const { server } = scene;
      const code = await codeFor(scene, WEB_APP, WEB_APP_REDIRECT_URI);
      const failure = await failureOf(byCode(scene, code, changes).getToken(API_SCOPE));
      assert.equal(failure.name, "AuthenticationError");
      assert.ok(failure.message.startsWith("AuthorizationCodeCredential: "), failure.message);
      assert.ok(failure.message.includes(`: ${error}`), failure.message);
      for (const hidden of [code, VERIFIER, WEB_APP_SECRET]) assert.ok(!failure.message.includes(hidden));
      assert.match(server.grants.join(), new RegExp(outcome));
      assert.equal(await ownerOf(scene, await byCode(scene, code).getToken(API_SCOPE)), "jo");
    });
  });
}

test("an authorization code of another app is rejected", async () => {
  await withServer(async (scene) => {
    const code = await codeFor(scene, DESKTOP_APP, DESKTOP_REDIRECT_URI);
    const { message } = await failureOf(byCode(scene, code).getToken(API_SCOPE));
    assert.match(message, /: invalid_grant \(HTTP 400\)/);
    assert.deepEqual(scene.server.grants, ["authorization_code: client mismatch"]);
  });
});

test("an expired authorization code is rejected", async () => {
  await withServer(async (scene) => {
    const code = await codeFor(scene, WEB_APP, WEB_APP_REDIRECT_URI);
    await scene.clock.advance(CODE_LIFETIME_IN_S * 1000);
    const { message } = await failureOf(byCode(scene, code).getToken(API_SCOPE));
    assert.match(message, /: invalid_grant \(HTTP 400\)/);
    assert.deepEqual(scene.server.grants, ["authorization_code: authorization code is expired"]);
  });
});

test("using an authorization code a second time is rejected and ends the first session", async () => {
  await withServer(async (scene) => {
    const code = await codeFor(scene, WEB_APP, WEB_APP_REDIRECT_URI);
    const [first, second] = [byCode(scene, code), byCode(scene, code)];
    await first.getToken(API_SCOPE);
    const { name, message } = await failureOf(second.getToken(API_SCOPE));
    assert.equal(name, "AuthenticationError");
    assert.match(message, /: invalid_grant \(HTTP 400\)/);
    assert.equal((await failureOf(first.getToken(API_SCOPE, { claims: "{}" }))).name, "AuthenticationRequiredError");
    assert.deepEqual(scene.server.grants, [
      "authorization_code: granted",
      "authorization_code: authorization code already consumed",
      "refresh_token: refresh token not found",
    ]);
  });
});

test("a lost token response for an authorization code causes an error", async () => {
  await withServer(async (scene) => {
    const credential = byCode(scene, await codeFor(scene, WEB_APP, WEB_APP_REDIRECT_URI));
    scene.isNextLost = true;
    const { message } = await failureOf(settle(credential.getToken(API_SCOPE), scene));
    assert.match(message, /^AuthorizationCodeCredential: .*: invalid_grant \(HTTP 400\)/);
    assert.equal(scene.server.grants.at(-1), "authorization_code: authorization code already consumed");
  });
});

// After the sign-in, without the user

interface User {
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken>;
}

/** The ways to sign in, each with its grant and whether the user is prompted again if necessary. */
const WAYS: Record<string, { grant: string; promptsAgain?: boolean; signIn: (scene: Scene) => Promise<User> }> = {
  "a device code": {
    grant: "device_code",
    promptsAgain: true,
    async signIn(scene) {
      const credential = byDeviceCode(scene);
      await settle(credential.getToken(SCOPES), scene);
      return credential;
    },
  },
  "an authorization code": {
    grant: "authorization_code",
    async signIn(scene) {
      const code = await codeFor(scene, DESKTOP_APP, DESKTOP_REDIRECT_URI);
      const options = { ...scene.options, codeVerifier: VERIFIER };
      const credential = new AuthorizationCodeCredential(TENANT, DESKTOP_APP, code, DESKTOP_REDIRECT_URI, options);
      await credential.getToken(SCOPES);
      return credential;
    },
  },
  "an authorization code of an app with a secret": {
    grant: "authorization_code",
    async signIn(scene) {
      const credential = byCode(scene, await codeFor(scene, WEB_APP, WEB_APP_REDIRECT_URI));
      await credential.getToken(SCOPES);
      return credential;
    },
  },
  "a web sign-in": {
    grant: "authorization_code",
    signIn: async (scene) => (await signInToWeb(scene)).credential,
  },
};

function createWeb({ options }: Scene) {
  return createWebSignIn({
    ...options,
    tenantId: TENANT,
    clientId: WEB_APP,
    clientSecret: WEB_APP_SECRET,
    redirectUri: WEB_APP_REDIRECT_URI,
    scopes: SCOPES,
    sealingKey: btoa("1".repeat(32)),
  });
}

async function signInToWeb(scene: Scene) {
  const web = createWeb(scene);
  const browser = openBrowser((request) => web.signIn(request, { prompt: "consent" }));
  const response = await browser.get("https://app.example/");
  const { url } = await scene.visitor.visit(response.headers.get("location")!);
  return await web.redeem(browser.request(url));
}

/** Gets a new token from the service, even if one is cached. */
function renew(scene: Scene, user: User): Promise<AccessToken> {
  return settle(user.getToken(SCOPES, { claims: "{}" }), scene);
}

for (const [way, { grant, promptsAgain = false, signIn }] of Object.entries(WAYS)) {
  test(`${way}: each refresh token is used once, and then its successor`, async () => {
    await withServer(async (scene) => {
      const { server, clock } = scene;
      const user = await signIn(scene);
      const tokens = [await user.getToken(SCOPES)];
      for (let count = 0; count < 3; count++) tokens.push(await renew(scene, user));
      for (let count = 0; count < 3; count++) {
        await clock.advance(HOUR);
        tokens.push(await settle(user.getToken(SCOPES), scene));
      }
      assert.equal(new Set(tokens.map(({ token }) => token)).size, 7);
      assert.equal(await ownerOf(scene, tokens.at(-1)!), "jo");
      assert.deepEqual(server.grants, [`${grant}: granted`, ...Array(6).fill("refresh_token: granted")]);
    });
  });

  test(`${way}: concurrent calls use the refresh token in sequence`, async () => {
    await withServer(async (scene) => {
      const user = await signIn(scene);
      const tokens = await settle(Promise.all(MANY_SCOPES.map((scope) => user.getToken(scope))), scene);
      assert.equal(new Set(tokens.map(({ token }) => token)).size, MANY_SCOPES.length);
      const refreshes = Array(MANY_SCOPES.length).fill("refresh_token: granted");
      assert.deepEqual(scene.server.grants, [`${grant}: granted`, ...refreshes]);
      assert.equal(await ownerOf(scene, tokens[0]!), "jo");
    });
  });

  for (
    const [fate, bringAbout, outcome] of [
      ["was used by another client", async (scene: Scene, user: User) => {
        await renew(scene, user);
        await renew(scene, user);
        assert.equal(await replay(scene, scene.server.forms[1]!), "invalid_grant");
        assert.equal(scene.server.grants.at(-1), "refresh_token: refresh token already used");
      }, "refresh token not found"],
      [
        "has expired",
        ({ clock }: Scene) => clock.advance(REFRESH_TOKEN_LIFETIME_IN_S * 1000),
        "refresh token is expired",
      ],
      ["was used and whose successor was lost", (scene: Scene) => {
        scene.isNextLost = true;
        return Promise.resolve();
      }, "refresh token already used"],
    ] as const
  ) {
    test(`${way}: a refresh token that ${fate} requires another sign-in`, async () => {
      await withServer(async (scene) => {
        const { server } = scene;
        const user = await signIn(scene);
        await bringAbout(scene, user);
        const renewed = renew(scene, user);
        if (promptsAgain) {
          assert.equal(await ownerOf(scene, await renewed), "jo");
          assert.equal(scene.prompts, 2);
          assert.deepEqual(server.grants.slice(-2), [`refresh_token: ${outcome}`, `${grant}: granted`]);
          return;
        }
        const { name, cause } = await failureOf(renewed);
        assert.equal(name, "AuthenticationRequiredError");
        assert.match((cause as Error).message, /: invalid_grant \(HTTP 400\)/);
        assert.equal(server.grants.at(-1), `refresh_token: ${outcome}`);
        // The next call sends no request.
        const sent = server.grants.length;
        assert.equal((await failureOf(renew(scene, user))).name, "AuthenticationRequiredError");
        assert.equal(server.grants.length, sent);
      });
    });
  }

  test(`${way}: a scope without consent causes an error, and the session remains valid`, async () => {
    await withServer(async (scene) => {
      const user = await signIn(scene);
      const { name, message } = await failureOf(settle(user.getToken("api://notes/Notes.Write"), scene));
      assert.equal(name, "AuthenticationError");
      assert.match(message, /: invalid_scope \(HTTP 400\)\. refresh token missing requested scope/);
      assert.equal(await ownerOf(scene, await renew(scene, user)), "jo");
    });
  });

  test(`${way}: a refresh with another user's ID token is rejected`, async () => {
    await withServer(async (scene) => {
      const user = await signIn(scene);
      scene.changes = { oid: "eve", sub: "eve" };
      const { message } = await failureOf(renew(scene, user));
      assert.match(message, /Another user has signed in: Expected "jo\.[^"]+", got "eve\.[^"]+"/);
    });
  });
}

for (
  const [claim, value, message] of [
    ["nonce", "another", /It belongs to another sign-in/],
    ["nonce", undefined, /It belongs to another sign-in/],
    ["aud", DESKTOP_APP, /It is for another app/],
    ["iss", "https://evil.example", /It is from another issuer/],
    ["exp", 1, /It has expired/],
  ] as const
) {
  test(`a web sign-in whose ID token has ${value === undefined ? "no" : "another"} ${claim} is rejected`, async () => {
    await withServer(async (scene) => {
      scene.changes = { [claim]: value };
      const error = await failureOf(signInToWeb(scene));
      assert.match(error.message, /^WebSignIn: Cannot use the ID token: /);
      assert.match(error.message, message);
    });
  });
}

test("a session of a web sign-in can be resumed in another process, with the newest refresh token", async () => {
  await withServer(async (scene) => {
    const signedIn = await signInToWeb(scene);
    let session = await signedIn.sealSession();
    for (let count = 0; count < 3; count++) {
      scene.options = { ...scene.options, cache: new Map() };
      const { credential, sealSession } = await createWeb(scene).resume(session);
      assert.equal(await ownerOf(scene, await credential.getToken(SCOPES)), "jo");
      session = await sealSession();
    }
    assert.deepEqual(scene.server.grants, ["authorization_code: granted", ...Array(3).fill("refresh_token: granted")]);
  });
});
