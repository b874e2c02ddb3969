// Runs on: deno, node, bun, workerd
//
// Credentials work behind a JavaScript `Proxy` and as the prototype of another object, like those of @azure/identity.
import { ClientSecretCredential, type GetTokenOptions, type TokenCredential } from "@azweb/identity";
import { StaticCredential } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT, createService, isolatedOptions, SCOPE, TENANT, tokenAnswer } from "../support/service.ts";
import { createWorld } from "../support/core/sharing.ts";
import { createSubjects } from "../support/core/sharing_subjects.ts";

/**
 * Returns a proxy that also wraps the objects and functions that it returns, like reactive objects in UI frameworks.
 */
function wrapDeeply<T extends object>(target: T): T {
  return new Proxy(target, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof value === "function") {
        return function (this: unknown, ...given: unknown[]) {
          return Reflect.apply(value, this, given);
        };
      }
      return typeof value === "object" && value !== null ? wrapDeeply(value) : value;
    },
  });
}

const WRAPPERS: Readonly<Record<string, <T extends object>(credential: T) => T>> = {
  "a proxy": (credential) => new Proxy(credential, {}),
  "a proxy of a proxy": (credential) => new Proxy(new Proxy(credential, {}), {}),
  "a proxy that wraps returned objects": wrapDeeply,
  "an object that inherits from it": (credential) => Object.create(credential),
  "a proxy of a frozen credential": (credential) => new Proxy(Object.freeze(credential), {}),
};

/** The methods of credentials, with arguments for a call. */
const METHODS: Readonly<Record<string, readonly unknown[]>> = {
  getToken: [SCOPE],
  authenticate: [SCOPE],
  explain: [],
};

function methodsOf(credential: object): readonly string[] {
  const isPlain = credential.constructor === Object;
  const names = Object.getOwnPropertyNames(isPlain ? credential : Object.getPrototypeOf(credential));
  return names.filter((name) => name !== "constructor");
}

const classes = new Set<unknown>();

for (const [name, subject] of Object.entries(await createSubjects())) {
  describe(name, () => {
    for (const [wrapper, wrap] of Object.entries(WRAPPERS)) {
      test(`each method works behind ${wrapper}`, async () => {
        const credential = await createWorld(new Map()).create(subject);
        classes.add(credential.constructor);
        const wrapped = wrap(credential) as unknown as Record<
          string,
          (...given: readonly unknown[]) => Promise<unknown>
        >;
        for (const method of methodsOf(credential)) {
          assert.ok(METHODS[method], `No arguments for ${method}`);
          assert.ok(await wrapped[method]!(...METHODS[method]), method);
        }
      });
    }

    test("the credential has no visible property", async () => {
      const credential = await createWorld(new Map()).create(subject);
      await credential.getToken(SCOPE);
      // The credential of a web session is a plain object, whose method is its own property.
      if (credential.constructor === Object) return;
      assert.deepEqual({ ...credential }, {});
      assert.equal(JSON.stringify(credential), "{}");
    });

    test("the credential stores only the functions of its methods, and none that returns the refresh token", async () => {
      const credential = await createWorld(new Map()).create(subject);
      const stored = Object.getOwnPropertySymbols(credential).map((key) => Reflect.get(credential, key) as object);
      const expected = methodsOf(credential).length === 1 ? [] : methodsOf(credential);
      assert.deepEqual(stored.flatMap((value) => Object.keys(value)).sort(), [...expected].sort());
    });
  });
}

test("the static credential works behind each wrapper", async () => {
  for (const wrap of Object.values(WRAPPERS)) {
    assert.equal((await wrap(new StaticCredential("a-token")).getToken()).token, "a-token");
  }
});

test("every credential of the library is in these tests", async () => {
  const library = await import("@azweb/identity");
  for (const [name, value] of Object.entries(library)) {
    // VisualStudioCodeCredential has no state and returns no token.
    if (name === "VisualStudioCodeCredential") continue;
    if (/Credential$/.test(name) && typeof value === "function" && "getToken" in (value.prototype ?? {})) {
      assert.ok(classes.has(value), name);
    }
  }
});

test("a subclass can override getToken, also behind a proxy", async () => {
  class Counting extends ClientSecretCredential {
    calls = 0;
    override getToken(scopes: string | string[], options?: GetTokenOptions) {
      this.calls++;
      return super.getToken(scopes, options);
    }
  }
  const service = createService(() => tokenAnswer());
  const credential = new Counting(TENANT, CLIENT, "a-secret", isolatedOptions(service));
  for (const each of [credential, new Proxy(credential, {})] satisfies TokenCredential[]) {
    assert.equal((await each.getToken(SCOPE)).token, "a-token");
  }
  assert.equal(credential.calls, 2);
});
