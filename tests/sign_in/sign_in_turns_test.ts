// A user is asked by one call at a time: a turn ends with its call, however that ends, and whatever it leaves behind. On workerd calls look
// for their turn; elsewhere they wait for who came before.
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

/** Something that happens once, and can be waited for. */
function createEvent(): { readonly happened: Promise<void>; happen(): void } {
  let happen!: () => void;
  const happened = new Promise<void>((resolve) => happen = resolve);
  return { happened, happen };
}

/** What the first call runs into; the others do not. It calls `reached` when it is there; `gone` is when the call has left. */
type Obstacle = (scene: Scene, reached: () => void, gone: Promise<void>) => DeviceCodeCredentialOptions;

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

/** A `fetch` that neither answers the first request for this path nor heeds its signal. */
function deaf(path: string): Obstacle {
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
  "a callback that settles when the call has gone": prompting((gone) => gone),
  "a callback that rejects when the call has gone": prompting((gone) => gone.then(() => Promise.reject("No"))),
  "a service that gives no code, and a deaf fetch": deaf("/devicecode"),
  "a service that gives no token, and a deaf fetch": deaf("/token"),
  "a clock that does not wake whoever leaves": ({ clock }, reached) => {
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
  test(`${name}: the call that leaves ends its turn, and the next one's comes at once`, async () => {
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
    const left = scene.clock.now();
    assert.equal(await ownerOf(scene, await settle(second, scene)), BOB);
    // On the clock of the test: long before the patience with the first one would be over.
    assert.ok(scene.clock.now() - left < 60_000);
    gone.happen();
    await breathe();
    // And nothing more is asked for the one that has left.
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
  test(`a callback that ${name}: the call fails, and the next one's turn comes at once`, async () => {
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
  test(`the user ${name}: whoever has left before its turn sends nothing, and has let nobody pass`, async () => {
    const scene = createScene();
    const codes: string[] = [];
    // Whoever has looked there waits for its turn.
    let looked = () => {};
    const tokens = new Map<string, TokenSet>();
    const cache = {
      get(key: string) {
        looked();
        return tokens.get(key);
      },
      set: (key: string, token: TokenSet) => tokens.set(key, token),
      delete: (key: string) => tokens.delete(key),
    };
    const credential = byDeviceCode(scene, {
      cache,
      // Deaf: what is sent by somebody who has left is seen.
      fetch: ((url, init) => scene.entra.fetch(url as string, { ...init, signal: null })) as typeof fetch,
      userPromptCallback({ userCode }) {
        if (codes.push(userCode) > 1) scene.entra.enterUserCode(userCode, ADA);
      },
    });
    async function ask(scope: string, abortSignal?: AbortSignal) {
      const isThere = new Promise<void>((resolve) => looked = resolve);
      const asked = credential.getToken(scope, { abortSignal });
      asked.catch(() => {});
      await isThere;
      await breathe();
      return { asked };
    }
    const first = await ask(GRAPH);
    await scene.clock.untilSleeping(9_999);
    const { length } = scene.clock.sleeping;
    const [early, late] = [new AbortController(), new AbortController()];
    const gone = await ask(VAULT, early.signal);
    early.abort();
    assert.equal((await failureOf(gone.asked)).name, "AbortError");
    assert.equal(scene.clock.sleeping.length, length, "nothing of it waits");
    const leaving = await ask(VAULT, late.signal);
    const last = await ask(STORAGE);
    late.abort();
    assert.equal((await failureOf(leaving.asked)).name, "AbortError");
    // Time in which the last one could look for its turn, and nobody enters a code.
    for (let count = 0; count < 10; count++) await scene.clock.advance(400);
    assert.equal(codes.length, 1);
    scene.entra.enterUserCode(codes[0]!, visitor);
    await settle(Promise.allSettled([first.asked, last.asked]), scene);
    assert.equal(await ownerOf(scene, await last.asked), ADA);
    assert.equal(codes.length, prompts);
    assert.equal(scene.entra.requests.filter(({ form }) => form.scope?.includes("vault")).length, 0);
  });
}

test("no two calls ask the user at once, where each has to", async () => {
  const scene = createScene();
  let prompts = 0;
  let asking = 0;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const answer = await scene.entra.fetch(url as string, init);
      if (!String(url).endsWith("/token")) return answer;
      asking--;
      // Without a refresh token, so that the next one asks too.
      return Response.json({ ...await answer.json(), refresh_token: undefined });
    },
    userPromptCallback({ userCode }) {
      prompts++;
      assert.equal(++asking, 1);
      scene.entra.enterUserCode(userCode, ADA);
    },
  });
  await settle(Promise.all([GRAPH, VAULT, STORAGE].map((scope) => credential.getToken(scope))), scene);
  assert.deepEqual([prompts, asking], [3, 0]);
});

/** A credential whose next answer to this grant comes when it is let go, aborted or not. */
function createLate(scene: Scene, grant: string) {
  const [reached, gone, arrived] = [createEvent(), createEvent(), createEvent()];
  let isHeld = false;
  const credential = byDeviceCode(scene, {
    async fetch(url, init) {
      const isIt = isHeld && new URLSearchParams(String(init?.body)).get("grant_type")?.endsWith(grant);
      if (!isIt) return await scene.entra.fetch(url as string, init);
      isHeld = false;
      const { signal: _, ...rest } = init!;
      const answer = await scene.entra.fetch(url as string, rest);
      reached.happen();
      await gone.happened;
      arrived.happen();
      // Microsoft Entra need not say again who it is.
      return Response.json({ ...await answer.json(), ...grant === "refresh_token" && { id_token: undefined } });
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

test("a sign-in that was given up changes nothing, when its answer comes after all", async () => {
  const scene = createScene();
  const { credential, reached, hold, letGo } = createLate(scene, "device_code");
  const adas = await settle(credential.getToken(GRAPH), scene);
  scene.visitor = BOB;
  hold();
  const controller = new AbortController();
  const authenticating = failureOf(credential.authenticate(GRAPH, { abortSignal: controller.signal }));
  await settle(reached, scene);
  controller.abort();
  assert.equal((await authenticating).name, "AbortError");
  await letGo();
  assert.equal(await credential.getToken(GRAPH), adas);
  assert.equal(await ownerOf(scene, await settle(credential.getToken(VAULT), scene)), ADA);
});

test("whose tokens they are is not changed by an answer to who had signed in before", async () => {
  const scene = createScene();
  const { credential, reached, hold, letGo } = createLate(scene, "refresh_token");
  await settle(credential.getToken(GRAPH), scene);
  hold();
  const adas = credential.getToken(VAULT);
  adas.catch(() => {});
  await reached;
  // The clock is corrected, and turns that are looked for seem to be over.
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
