// Two users in one process, through every credential of people, and one cache for all: never the other's token.
import {
  type CredentialOptions,
  InteractiveBrowserCredential,
  OnBehalfOfCredential,
  type TokenCredential,
  UsernamePasswordCredential,
} from "@azweb/identity";
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
} from "./support/people.ts";
import { CLIENT, TENANT } from "./support/service.ts";

const MIDDLE = "a-middle-tier";
const USERS = [ADA, BOB];

function createStage(): Scene {
  return createScene({
    apps: [{ tenantId: TENANT, clientId: CLIENT }, { tenantId: TENANT, clientId: MIDDLE, secrets: [SECRET] }],
  });
}

/** Makes each user a credential; the user is the visitor until it has its first token. */
const CREDENTIALS: Readonly<
  Record<
    string,
    (scene: Scene, username: string, options: CredentialOptions) => TokenCredential | Promise<TokenCredential>
  >
> = {
  "device codes": (scene, _, options) => byDeviceCode(scene, options),
  "authorization codes": (scene, _, options) => byCode(scene, options),
  "a browser": (scene, _, options) =>
    new InteractiveBrowserCredential({
      tenantId: TENANT,
      clientId: CLIENT,
      ...options,
      runtime: { ...options.runtime, ...browserOf(scene) },
    }),
  "passwords": (_, username, options) =>
    new UsernamePasswordCredential(TENANT, CLIENT, username, "a-password", options),
  "on behalf of": async (scene, username, options) => {
    const caller = new UsernamePasswordCredential(TENANT, CLIENT, username, "a-password", { ...options, cache: false });
    const { token: userAssertionToken } = await caller.getToken(`api://${MIDDLE}/access`);
    const app = { tenantId: TENANT, clientId: MIDDLE, clientSecret: SECRET };
    return new OnBehalfOfCredential({ ...optionsOf(scene), ...options, ...app, userAssertionToken });
  },
};

/** A loopback address and a browser that are no more than functions. */
function browserOf({ entra, visitor }: Scene): NonNullable<CredentialOptions["runtime"]> {
  let answer: (request: Request) => Response | Promise<Response>;
  return {
    listen(handler) {
      answer = handler;
      return Promise.resolve({ port: 41_999, close: () => Promise.resolve() });
    },
    async openUrl(url) {
      // Entra's page is read and sent as a browser does.
      entra.visit(visitor);
      const html = await (await entra.fetch(url)).text();
      const body = new URLSearchParams();
      for (const [, name, value] of html.matchAll(/name="(\w+)" value="([^"]*)"/g)) body.set(name!, value!);
      const headers = { "content-type": "application/x-www-form-urlencoded", host: "localhost:41999" };
      await answer(new Request("http://localhost:41999/", { method: "POST", body: body.toString(), headers }));
    },
  };
}

for (const [name, create] of Object.entries(CREDENTIALS)) {
  test(`two users by ${name}: each gets their own tokens, for good`, async () => {
    const scene = createStage();
    const cache = new Map();
    const options = { ...optionsOf(scene), cache };
    const credentials: TokenCredential[] = [];
    for (const username of USERS) {
      scene.visitor = username;
      const credential = await create(scene, username, options);
      assert.equal(await ownerOf(scene, (await settle(credential.getToken(GRAPH), scene))!), username);
      credentials.push(credential);
    }
    for (let round = 0; round < 3; round++) {
      for (const scope of [GRAPH, VAULT]) {
        const asked = Promise.all(credentials.map((credential) => credential.getToken(scope)));
        const owners = (await settle(asked, scene)).map((token) => ownerOf(scene, token!));
        assert.deepEqual(await Promise.all(owners), USERS);
      }
      await scene.clock.advance(1_000_000);
    }
    // And nobody else's credential finds what they have left.
    for (const [key, { token }] of cache) {
      for (const user of USERS) assert.ok(!key.includes(user) && !key.includes(token));
    }
  });
}

test("the end of one user's session leaves the other's", async () => {
  const scene = createStage();
  const credentials = [];
  for (const username of USERS) {
    scene.visitor = username;
    const credential = byDeviceCode(scene, { disableAutomaticAuthentication: true });
    await settle(credential.authenticate(GRAPH), scene);
    credentials.push(credential);
  }
  scene.entra.revokeSessions(ADA);
  const [adas, bobs] = await settle(
    Promise.allSettled(credentials.map((credential) => credential.getToken(VAULT))),
    scene,
  );
  assert.equal((adas as PromiseRejectedResult).reason.name, "AuthenticationRequiredError");
  assert.equal(await ownerOf(scene, (bobs as PromiseFulfilledResult<{ token: string }>).value), BOB);
});

test("one credential for two users, one after the other: what was the first one's is not found", async () => {
  const scene = createStage();
  const cache = new Map();
  const credential = byDeviceCode(scene, { cache });
  for (const username of [ADA, BOB, ADA]) {
    scene.visitor = username;
    await settle(credential.authenticate(GRAPH), scene);
    for (const scope of [GRAPH, VAULT]) {
      assert.equal(await ownerOf(scene, await settle(credential.getToken(scope), scene)), username);
    }
  }
});
