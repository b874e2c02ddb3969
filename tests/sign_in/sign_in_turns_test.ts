// Calls that need the user run one after another: a turn ends when its call ends, even if a callback or request of the
// call never settles. On workerd, calls poll for their turn; elsewhere they await the previous call.
import type { DeviceCodeCredentialOptions, DeviceCodeInfo, TokenSet } from "@azweb/identity";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ADA,
  BOB,
  byDeviceCode,
  createScene,
  grantsOf,
  GRAPH,
  ownerOf,
  type Scene,
  settle,
  VAULT,
} from "../support/sign_in/people.ts";
import { breathe, failureOf } from "../support/service.ts";

const STORAGE = "https://storage.azure.com/.default";

/** Creates an event that happens once and can be awaited. */
function createEvent(): { readonly happened: Promise<void>; happen(): void } {
  let happen!: () => void;
  const happened = new Promise<void>((resolve) => happen = resolve);
  return { happened, happen };
}

/**
 * Returns options with which the first call hangs or fails. It calls `reached` when it does; `gone` resolves after the
 * call has been aborted.
 */
type Obstacle = (scene: Scene, reached: () => void, gone: Promise<void>) => DeviceCodeCredentialOptions;

/** Creates an obstacle from the user prompt of the first call. Later prompts sign the user in. */
function prompting(prompt: (gone: Promise<void>) => unknown): Obstacle {
  return (scene, reached, gone) => {
    let prompts = 0;
    return {
      userPromptCallback({ userCode }: DeviceCodeInfo) {
        if (prompts++ > 0) return void scene.entra.enterUserCode(userCode, BOB);
        reached();
        return prompt(gone);
      },
    };
  };
}

/** A `fetch` that never settles for the first request to this path and ignores its signal. */
function hanging(path: string): Obstacle {
  return (scene, reached) => {
    let isFirst = true;
    return {
      fetch: ((url, init) => {
        if (!isFirst || !String(url).endsWith(path)) return scene.entra.fetch(url as string, init);
        isFirst = false;
        reached();
        return new Promise(() => {});
      }) as typeof fetch,
    };
  };
}

const OBSTACLES: Readonly<Record<string, Obstacle>> = {
  "a callback that never settles": prompting(() => new Promise(() => {})),
  "a callback that resolves after the abort": prompting((gone) => gone),
  "a callback that rejects after the abort": prompting((gone) => gone.then(() => Promise.reject("No"))),
  "a hanging device authorization request": hanging("/devicecode"),
  "a hanging token request": hanging("/token"),
  "a sleep that ignores its signal": ({ clock }, reached) => {
    let isFirst = true;
    return {
      runtime: {
        now: clock.now,
        sleep(ms, signal) {
          if (!isFirst || ms !== 5_000) return clock.sleep(ms, signal);
          isFirst = false;
          reached();
          return new Promise(() => {});
        },
      },
    };
  },
};

for (const [name, obstruct] of Object.entries(OBSTACLES)) {
  test(`${name}: an abort ends the turn of a call, and the next call starts at once`, async () => {
    const scene = createScene();
    scene.visitor = BOB;
    const [reached, gone] = [createEvent(), createEvent()];
    const credential = byDeviceCode(scene, obstruct(scene, reached.happen, gone.happened));
    const controller = new AbortController();
    const first = failureOf(credential.getToken(GRAPH, { abortSignal: controller.signal }));
    await settle(reached.happened, scene);
    const second = credential.getToken(VAULT);
    controller.abort();
    assert.equal((await first).name, "AbortError");
    const abortedOn = scene.clock.now();
    assert.equal(await ownerOf(scene, await settle(second, scene)), BOB);
    // In fake time: long before the first call would time out.
    assert.ok(scene.clock.now() - abortedOn < 60_000);
    gone.happen();
    await breathe();
    // The aborted call sends no more requests.
    await scene.clock.advance(20_000);
    assert.deepEqual(grantsOf(scene), ["device_code"]);
  });
}

for (
  const [name, prompt] of Object.entries({
    throws() {
      throw new Error("No screen");
    },
    rejects: () => Promise.reject(new Error("No screen")),
  })
) {
  test(`a callback that ${name}: the call fails, and the next call starts at once`, async () => {
    const scene = createScene();
    const credential = byDeviceCode(scene, prompting(prompt)(scene, () => {}, Promise.resolve()));
    const [first, second] = [GRAPH, VAULT].map((scope) => credential.getToken(scope));
    const started = scene.clock.now();
    assert.match((await failureOf(settle(first!, scene))).message, /"userPromptCallback" failed/);
    assert.equal(await ownerOf(scene, await settle(second!, scene)), BOB);
    assert.ok(scene.clock.now() - started < 60_000);
  });
}

for (const [name, visitor, prompts] of [["signs in", ADA, 1], ["declines", null, 2]] as const) {
  test(`a call that is aborted before its turn sends no request, and later ones still wait until the user ${name}`, async () => {
    const scene = createScene();
    const codes: string[] = [];
    // Called when a call has read the cache and thus waits for its turn.
    let onRead = () => {};
    const tokens = new Map<string, TokenSet>();
    const cache = {
      get(key: string) {
        onRead();
        return tokens.get(key);
      },
      set: (key: string, token: TokenSet) => tokens.set(key, token),
      delete: (key: string) => tokens.delete(key),
    };
    const credential = byDeviceCode(scene, {
      cache,
      // Without the signal, so that requests of an aborted call are recorded.
      fetch: ((url, init) => scene.entra.fetch(url as string, { ...init, signal: null })) as typeof fetch,
      userPromptCallback({ userCode }) {
        if (codes.push(userCode) > 1) scene.entra.enterUserCode(userCode, ADA);
      },
    });
    async function startCall(scope: string, abortSignal?: AbortSignal) {
      const hasRead = new Promise<void>((resolve) => onRead = resolve);
      const token = credential.getToken(scope, { abortSignal });
      token.catch(() => {});
      await hasRead;
      await breathe();
      return { token };
    }
    const first = await startCall(GRAPH);
    await scene.clock.untilSleeping(9_999);
    const { length } = scene.clock.sleeping;
    const [early, late] = [new AbortController(), new AbortController()];
    const aborted = await startCall(VAULT, early.signal);
    early.abort();
    assert.equal((await failureOf(aborted.token)).name, "AbortError");
    assert.equal(scene.clock.sleeping.length, length, "the aborted call has no timer");
    const abortedLater = await startCall(VAULT, late.signal);
    const last = await startCall(STORAGE);
    late.abort();
    assert.equal((await failureOf(abortedLater.token)).name, "AbortError");
    // Lets the last call poll for its turn, which it must not get before the sign-in has ended.
    for (let count = 0; count < 10; count++) await scene.clock.advance(400);
    assert.equal(codes.length, 1);
    scene.entra.enterUserCode(codes[0]!, visitor);
    await settle(Promise.allSettled([first.token, last.token]), scene);
    assert.equal(await ownerOf(scene, await last.token), ADA);
    assert.equal(codes.length, prompts);
    assert.equal(scene.entra.requests.filter(({ form }) => form.scope?.includes("vault")).length, 0);
  });
}

test("calls that each need a sign-in never prompt the user concurrently", async () => {
  const scene = createScene();
  let prompts = 0;
  let pendingPrompts = 0;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const response = await scene.entra.fetch(url as string, init);
      if (!String(url).endsWith("/token")) return response;
      pendingPrompts--;
      // Without a refresh token, so that the next call prompts too.
      return Response.json({ ...await response.json(), refresh_token: undefined });
    },
    userPromptCallback({ userCode }) {
      prompts++;
      assert.equal(++pendingPrompts, 1);
      scene.entra.enterUserCode(userCode, ADA);
    },
  });
  await settle(Promise.all([GRAPH, VAULT, STORAGE].map((scope) => credential.getToken(scope))), scene);
  assert.deepEqual([prompts, pendingPrompts], [3, 0]);
});

/** Creates a credential. After `hold`, its next response to this grant arrives when `letGo` is called. */
function createDelayed(scene: Scene, grant: string) {
  const [reached, gone, arrived] = [createEvent(), createEvent(), createEvent()];
  let isHeld = false;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const isDelayed = isHeld && new URLSearchParams(String(init?.body)).get("grant_type")?.endsWith(grant);
      if (!isDelayed) return await scene.entra.fetch(url as string, init);
      isHeld = false;
      const { signal: _, ...rest } = init!;
      const response = await scene.entra.fetch(url as string, rest);
      reached.happen();
      await gone.happened;
      arrived.happen();
      // A refresh response of Microsoft Entra may omit the ID token.
      return Response.json({ ...await response.json(), ...grant === "refresh_token" && { id_token: undefined } });
    },
  });
  return {
    credential,
    reached: reached.happened,
    hold: () => void (isHeld = true),
    async letGo() {
      gone.happen();
      await arrived.happened;
      await breathe();
    },
  };
}

test("the late response of an aborted sign-in changes nothing", async () => {
  const scene = createScene();
  const { credential, reached, hold, letGo } = createDelayed(scene, "device_code");
  const adasToken = await settle(credential.getToken(GRAPH), scene);
  scene.visitor = BOB;
  hold();
  const controller = new AbortController();
  const authenticating = failureOf(credential.authenticate(GRAPH, { abortSignal: controller.signal }));
  await settle(reached, scene);
  controller.abort();
  assert.equal((await authenticating).name, "AbortError");
  await letGo();
  assert.equal(await credential.getToken(GRAPH), adasToken);
  assert.equal(await ownerOf(scene, await settle(credential.getToken(VAULT), scene)), ADA);
});

test("a late refresh response of the previous account does not change the account", async () => {
  const scene = createScene();
  const { credential, reached, hold, letGo } = createDelayed(scene, "refresh_token");
  await settle(credential.getToken(GRAPH), scene);
  hold();
  const adas = credential.getToken(VAULT);
  adas.catch(() => {});
  await reached;
  // The clock jumps, so that the previous turn seems to have timed out where calls poll for their turn.
  scene.clock.set(scene.clock.now() + 1_000_000);
  scene.visitor = BOB;
  const authenticating = credential.authenticate(GRAPH);
  for (let count = 0; count < 20; count++) await scene.clock.advance(1000);
  await letGo();
  await settle(Promise.allSettled([adas, authenticating]), scene);
  for (const scope of [GRAPH, VAULT, STORAGE]) {
    assert.equal(await ownerOf(scene, await settle(credential.getToken(scope), scene)), BOB);
  }
});
