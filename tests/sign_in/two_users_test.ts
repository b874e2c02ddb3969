// Two users in one process with a shared cache, for every credential of users: no user gets the other's token.
import {
  type CredentialOptions,
  InteractiveBrowserCredential,
  OnBehalfOfCredential,
  type TokenCredential,
  type TokenSet,
  UsernamePasswordCredential,
} from "@azweb/identity";
import type { Entra } from "@azweb/identity/testing";
import { createWebSignIn, type WebUser } from "@azweb/identity/web-sign-in";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADA,
  BOB,
  byCode,
  byDeviceCode,
  createScene,
  GRAPH,
  optionsOf,
  ownerOf,
  type Scene,
  SECRET,
  settle,
  VAULT,
  WEB_APP,
} from "../support/sign_in/people.ts";
import { CLIENT, TENANT } from "../support/service.ts";

const MIDDLE = "a-middle-tier";
const USERS = [ADA, BOB];

function createStage(): Scene {
  return createScene({
    apps: [{ tenantId: TENANT, clientId: CLIENT }, { tenantId: TENANT, clientId: MIDDLE, secrets: [SECRET] }, {
      tenantId: TENANT,
      clientId: WEB_APP,
      secrets: [SECRET],
    }],
  });
}

type Create = (
  scene: Scene,
  username: string,
  options: CredentialOptions,
) => TokenCredential | Promise<TokenCredential>;

/** Functions that create a credential for a user, who is `scene.visitor` until the credential has its first token. */
const SESSIONS: Readonly<Record<string, Create>> = {
  "device codes": (scene, _, options) => byDeviceCode(scene, options),
  "authorization codes": (scene, _, options) => byCode(scene, options),
  "a browser": (_scene, _, options) =>
    new InteractiveBrowserCredential({ tenantId: TENANT, clientId: CLIENT, ...options }),
  // Not in browsers, where a script can neither send cookies in a header nor read them from one.
  ..."document" in globalThis ? {} : {
    "a web app": async (scene: Scene, _: string, options: CredentialOptions) =>
      (await signInToWebApp(scene, options)).user.credential,
    "sessions of a web app": async (scene: Scene, _: string, options: CredentialOptions) => {
      const { user, signIn } = await signInToWebApp(scene, options);
      let session = await user.sealSession();
      return {
        async getToken(...args: Parameters<TokenCredential["getToken"]>) {
          const { credential, sealSession } = await signIn.resume(session);
          const token = await credential.getToken(...args);
          session = await sealSession();
          return token;
        },
      } as TokenCredential;
    },
  },
};

const CREDENTIALS: Readonly<Record<string, Create>> = {
  ...SESSIONS,
  "passwords": (_, username, options) =>
    new UsernamePasswordCredential(TENANT, CLIENT, username, "a-password", options),
  "on-behalf-of tokens": async (scene, username, options) => {
    const caller = new UsernamePasswordCredential(TENANT, CLIENT, username, "a-password", { ...options, cache: false });
    const { token: userAssertionToken } = await caller.getToken(`api://${MIDDLE}/access`);
    const app = { tenantId: TENANT, clientId: MIDDLE, clientSecret: SECRET };
    return new OnBehalfOfCredential({ ...optionsOf(scene), ...options, ...app, userAssertionToken });
  },
};

/** Signs the visitor in to a web app, which all visitors share. */
async function signInToWebApp({ entra, visitor }: Scene, options: CredentialOptions) {
  const signIn = createWebSignIn({
    ...{ tenantId: TENANT, clientId: WEB_APP, clientSecret: SECRET, scopes: GRAPH },
    redirectUri: "https://my.app/signed-in",
    sealingKey: btoa("1".repeat(32)),
    ...options,
  });
  const away = await signIn.signIn(new Request("https://my.app/"));
  entra.signInAs(visitor);
  const back = await entra.fetch(away.headers.get("location")!, { redirect: "manual" });
  const headers = { cookie: away.headers.get("set-cookie")!.split(";")[0]! };
  const user: WebUser = await signIn.redeem(new Request(back.headers.get("location")!, { headers }));
  return { user, signIn };
}

/** Returns the visitor's browser. */
function browserOf(scene: Scene): Entra["browser"] {
  const { browser, signInAs } = scene.entra;
  return {
    ...browser,
    openUrl(url) {
      signInAs(scene.visitor);
      return browser.openUrl(url);
    },
  };
}

/** Returns options that both users share, so that their credentials differ only in the account. */
function optionsForAll(scene: Scene, cache: Map<string, TokenSet>): CredentialOptions {
  const { now, sleep } = scene.clock;
  return { ...optionsOf(scene), cache, runtime: { now, sleep, ...browserOf(scene) } };
}

for (const [name, create] of Object.entries(CREDENTIALS)) {
  test(`two users with ${name}: each gets only their own tokens`, async () => {
    const scene = createStage();
    const cache = new Map<string, TokenSet>();
    const options = optionsForAll(scene, cache);
    const credentials: TokenCredential[] = [];
    for (const username of USERS) {
      scene.visitor = username;
      const credential = await create(scene, username, options);
      assert.equal(await ownerOf(scene, (await settle(credential.getToken(GRAPH), scene))!), username);
      credentials.push(credential);
    }
    for (let round = 0; round < 3; round++) {
      for (const scope of [GRAPH, VAULT]) {
        const pending = Promise.all(credentials.map((credential) => credential.getToken(scope)));
        const owners = (await settle(pending, scene)).map((token) => ownerOf(scene, token!));
        assert.deepEqual(await Promise.all(owners), USERS);
      }
      await scene.clock.advance(1_000_000);
    }
    // The cache keys contain neither user names nor tokens.
    for (const [key, { token }] of cache) {
      for (const user of USERS) assert.ok(!key.includes(user) && !key.includes(token));
    }
  });
}

for (const [name, create] of Object.entries(SESSIONS)) {
  test(`two users with ${name}: the end of one session does not affect the other`, async () => {
    const scene = createStage();
    const options = optionsForAll(scene, new Map());
    const credentials: TokenCredential[] = [];
    for (const username of USERS) {
      scene.visitor = username;
      const credential = await create(scene, username, options);
      await settle(credential.getToken(GRAPH), scene);
      credentials.push(credential);
    }
    const [adas, bobs] = credentials as [TokenCredential, TokenCredential];
    scene.entra.revokeSessions(ADA);
    // No user signs in again.
    scene.visitor = null;
    await assert.rejects(settle(adas.getToken(VAULT), scene), /declined|access_denied|A user has to sign in/);
    for (const scope of [GRAPH, VAULT]) {
      assert.equal(await ownerOf(scene, (await settle(bobs.getToken(scope), scene))!), BOB);
    }
  });
}

test("one credential for two users, one after another: the first user's tokens are not returned to the second", async () => {
  const scene = createStage();
  const cache = new Map();
  const credential = byDeviceCode(scene, { cache });
  for (const [before, username] of [ADA, BOB, ADA].entries()) {
    scene.visitor = username;
    await settle(credential.authenticate(GRAPH), scene);
    for (const scope of [GRAPH, VAULT]) {
      assert.equal(await ownerOf(scene, await settle(credential.getToken(scope), scene)), username);
    }
    assert.equal(scene.prompts, before + 1, "the refresh token of the new user is used");
  }
});
