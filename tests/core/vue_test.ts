// Runs on: deno, node, bun
// Credentials in the reactive state of Vue: its proxies also wrap the members of an object, and its types map theirs.
import type { TokenCredential } from "@azweb/identity";
import { reactive, readonly, ref, shallowReactive, shallowRef } from "@vue/reactivity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld } from "../support/core/sharing.ts";
import { createSubjects } from "../support/core/sharing_subjects.ts";
import { SCOPE } from "../support/service.ts";
import { ClientSecretCredential, DefaultAzureCredential, InteractiveBrowserCredential } from "@azweb/identity";

const WRAPPERS: Readonly<Record<string, (credential: TokenCredential) => TokenCredential>> = {
  reactive: (credential) => reactive(credential),
  "reactive, as a member": (credential) => reactive({ state: { credential } }).state.credential,
  readonly: (credential) => readonly(credential),
  shallowReactive: (credential) => shallowReactive(credential),
  ref: (credential) => ref(credential).value,
  shallowRef: (credential) => shallowRef(credential).value,
};

for (const [name, subject] of Object.entries(await createSubjects())) {
  describe(name, () => {
    for (const [wrapper, wrap] of Object.entries(WRAPPERS)) {
      test(`works in Vue's ${wrapper}`, async () => {
        const credential = wrap(await createWorld(new Map()).create(subject));
        assert.ok((await credential.getToken(SCOPE))!.token);
        // From the cache.
        assert.ok((await credential.getToken([SCOPE]))!.token);
      });
    }
  });
}

test("the type of a credential in Vue's reactive state is that of the credential", () => {
  const create = {
    default: () => new DefaultAzureCredential({ env: {} }),
    secret: () => new ClientSecretCredential("my-tenant-id", "my-client-id", "a-secret"),
    browser: () => new InteractiveBrowserCredential({ clientId: "my-client-id" }),
  };
  const state = reactive({ default: create.default(), secret: create.secret(), browser: create.browser() });
  const all: TokenCredential[] = [state.default, state.secret, state.browser, ref(create.browser()).value];
  const same: [DefaultAzureCredential, ClientSecretCredential, InteractiveBrowserCredential] = [
    state.default,
    state.secret,
    state.browser,
  ];
  assert.deepEqual(all.slice(0, 3), same);
});
