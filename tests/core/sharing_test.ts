// Runs on: deno, workerd
//
// Two equal calls share one request. For two calls that differ in one part, such as an option, a table says what they
// share: everything, the cache or nothing.
import type { AccessToken, GetTokenOptions, TokenCache, TokenSet } from "@azweb/identity";
import * as library from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SCOPE } from "../support/service.ts";
import {
  asynchronous,
  type Change,
  createWorld,
  irrelevant,
  isExchanged,
  type Part,
  separate,
  type Sharing,
  type Subject,
  type World,
} from "../support/core/sharing.ts";
import { CALLS, CLAIMS, createSubjects, RETRY_OPTIONS } from "../support/core/sharing_subjects.ts";

const OTHER_SCOPE = "https://vault.azure.net/.default";

/** The caches: a map, an asynchronous cache over a map, and the default memory cache. */
const CACHES: readonly ((entries: Map<string, TokenSet>) => TokenCache | undefined)[] = [
  (entries) => entries,
  asynchronous,
  () => undefined,
];

/** Calls `getToken` of a credential with certain arguments. */
type Ask = () => Promise<AccessToken | null>;

/** Counts the cached tokens, except the assertions that an agent's blueprint requested. */
function countTokens(entries: ReadonlyMap<string, TokenSet>): number {
  return [...entries.values()].filter(({ token }) => !isExchanged(token)).length;
}

/** What two calls share if they differ in one part only, by the name of that part. */
type Table = Readonly<Record<string, string>>;

/** Makes two calls at the same time, and then the same two in sequence. Returns what they share. */
async function observe(
  world: World,
  expected: Sharing,
  open: () => Promise<readonly [Ask, Ask]>,
  isInTurn = false,
): Promise<string> {
  const before = world.asked;
  const cold = await askAtOnce(world, await open(), expected === "everything" || isInTurn ? 1 : 2);
  const warm: string[] = [];
  for (const ask of await open()) warm.push((await ask())!.token);
  const asked = world.asked - before;
  const [isShared, isFound] = [cold, warm].map(([one, other]) => one === other);
  if (isShared && isFound && asked === 1) return "everything";
  if (!isShared && isFound && asked === 2) return "the cache";
  if (!isShared && !isFound && asked === 2 && String(cold) === String(warm)) return "nothing";
  return `${asked} tokens: at once ${cold}, later ${warm}`;
}

/** Makes all calls at the same time. The first response is sent after the given number of requests. */
async function askAtOnce(world: World, asks: readonly Ask[], requests: number): Promise<string[]> {
  const asked: Promise<AccessToken | null>[] = [];
  await world.hold(requests, () => {
    for (const ask of asks) asked.push(ask());
    return asked;
  });
  return (await Promise.all(asked)).map((token) => token!.token);
}

/** Returns what two credentials share if they differ in one part only, with each of the caches. */
async function observeInstances(
  subject: Subject,
  part: Part,
  change: (other: unknown) => Change,
  caches: typeof CACHES,
): Promise<string> {
  const found = new Set<string>();
  for (const openCache of caches) {
    const entries = new Map<string, TokenSet>();
    const cache = openCache(entries);
    const world = createWorld(cache);
    const changed = change(part.other(world));
    const make = () => Promise.all([world.create(subject), world.create(subject, changed)]);
    const credentials = await make();
    const before = countTokens(entries);
    const share = await observe(world, part.share, async () => {
      const [one, other] = subject.perInstance || part.perInstance ? credentials : await make();
      return [() => one.getToken(SCOPE), () => other.getToken(SCOPE)];
    });
    const count = countTokens(entries) - before;
    const isRight = !cache || changed.options?.cache || count === (share === "nothing" ? 2 : 1);
    found.add(isRight ? share : `${share}, and leave ${count} cache entries`);
  }
  return [...found].join(" or ");
}

/** Asserts, for each part, what two credentials share if they differ in that part only. */
async function checkParts(
  subject: Subject,
  parts: Readonly<Record<string, Part>>,
  change: (part: string, other: unknown) => Change,
  caches: typeof CACHES = CACHES.slice(0, 1),
): Promise<void> {
  const found: Record<string, string> = {};
  for (const [name, part] of Object.entries(parts)) {
    found[name] = await observeInstances(subject, part, (other) => change(name, other), caches);
  }
  assert.deepEqual(found, tableOf(parts));
}

function tableOf(parts: Readonly<Record<string, Part>>): Table {
  return Object.fromEntries(Object.entries(parts).map(([name, { share }]) => [name, share]));
}

/** Returns the token request of a credential without a cached token. */
async function requestAlone(subject: Subject, change?: Change): Promise<string> {
  const world = createWorld(new Map());
  const token = await (await world.create(subject, change)).getToken(OTHER_SCOPE);
  return world.requestOf(token!.token);
}

const subjects = await createSubjects();

for (const [name, subject] of Object.entries(subjects)) {
  const { perInstance = false, parts, variables, options } = subject;
  describe(name, () => {
    test(`two equal credentials share ${perInstance ? "nothing" : "everything"}`, async () => {
      const equal = (perInstance ? separate : irrelevant)(() => ({}));
      await checkParts(subject, { equal }, () => ({}), CACHES);
    });

    // Credentials of users share nothing with other instances.
    if (!perInstance) {
      test("two credentials that differ in an argument or in their own option share what the table allows", async () => {
        await checkParts(subject, parts, (part, other) => ({ given: { [part.split(":")[0]!]: other } }), CACHES);
      });
    }

    if (options) {
      test("two credentials that differ in a common option share what the table allows", async () => {
        await checkParts(subject, options, (option, other) => ({ options: { [option]: other } }));
      });
    }

    if (variables && !perInstance) {
      test("two credentials that differ in a variable share what the table allows", async () => {
        await checkParts(subject, variables, (variable, other) => ({ env: { [variable]: other } }));
      });
    }

    if (variables && !perInstance) {
      test("setting a variable after the first token does not mix up cache entries", async () => {
        const mixedUp: string[] = [];
        const separating = Object.entries(variables).filter(([, { share }]) => share === "nothing");
        for (const [name, { other }] of separating) {
          const world = createWorld(new Map());
          const changed = { env: { [name]: other(world) } };
          const [before, after] = [await requestAlone(subject), await requestAlone(subject, changed)];
          const values: Record<string, unknown> = { ...subject.env };
          const credential = await world.create(subject, {}, values);
          await credential.getToken(SCOPE);
          Object.assign(values, changed.env);
          const tokens = [
            await credential.getToken(OTHER_SCOPE),
            await (await world.create(subject)).getToken(OTHER_SCOPE),
            await (await world.create(subject, changed)).getToken(OTHER_SCOPE),
          ].map((token) => world.requestOf(token!.token));
          const isRight = [before, after].includes(tokens[0]!) && tokens[1] === before && tokens[2] === after;
          if (!isRight) mixedUp.push(name);
        }
        assert.deepEqual(mixedUp, []);
      });
    }

    if (variables) {
      test("every variable that the credential reads has a row in the table", async () => {
        const world = createWorld(undefined);
        await (await world.create(subject)).getToken(SCOPE);
        assert.deepEqual([...world.looked].filter((name) => !(name in variables)), []);
      });
    }

    if ((subject.calls?.tenantId ?? CALLS.tenantId).share === "nothing") {
      test("calls for one tenant, for another one and without a tenant each have their own cached token", async () => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const tenants = ["contoso.onmicrosoft.com", "fabrikam.onmicrosoft.com", undefined];
        const rounds: string[][] = [];
        for (let round = 0; round < 2; round++) {
          const tokens: string[] = [];
          for (const tenantId of tenants) tokens.push((await credential.getToken(SCOPE, { tenantId }))!.token);
          rounds.push(tokens);
        }
        assert.equal(new Set(rounds[0]).size, tenants.length);
        assert.deepEqual(rounds[1], rounds[0]);
      });
    }

    test("two calls of one credential share what the table allows", async () => {
      const calls: Record<string, Part> = { ...CALLS, ...subject.calls };
      const found: Record<string, string> = {};
      const add = async (name: string, { share, other }: Part, options?: (other: unknown) => GetTokenOptions) => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const value = other(world);
        const open = () =>
          Promise.resolve(
            [
              () => credential.getToken(SCOPE),
              () => options ? credential.getToken(SCOPE, options(value)) : credential.getToken(value as string),
            ] as const,
          );
        found[name] = await observe(world, share, open, subject.inTurn);
      };
      const scopes: Record<string, Part> = {
        "the scope twice, in an array": irrelevant(() => [SCOPE, SCOPE]),
        "blanks around the scope": irrelevant(() => ` ${SCOPE}  `),
        "the scope": separate(() => OTHER_SCOPE),
      };
      for (const [name, part] of Object.entries(scopes)) await add(name, part);
      for (const [name, part] of Object.entries(calls)) await add(name, part, (other) => ({ [name]: other }));
      assert.deepEqual(found, tableOf({ ...scopes, ...calls }));
    });

    // Some developer tools accept claims only at a sign-in.
    if (subject.takesClaims ?? true) {
      test("a call with claims shares nothing with a call without, and replaces its token", async () => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const [one, other] = [CLAIMS, CLAIMS.replace("17", "18")];
        const asks = [undefined, one, other].map((claims) => () => credential.getToken(SCOPE, { claims }));
        const tokens = await askAtOnce(world, asks, subject.inTurn ? 1 : 3);
        assert.equal(new Set(tokens).size, 3);
        const again = (await credential.getToken(SCOPE, { claims: one }))!.token;
        assert.equal(tokens.includes(again), false, "a call with claims finds no cached token");
        assert.equal((await credential.getToken(SCOPE))!.token, again);
      });

      test("two concurrent calls with equal claims share everything", async () => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const ask = () => credential.getToken(SCOPE, { claims: CLAIMS });
        assert.equal(new Set(await askAtOnce(world, [ask, ask], 1)).size, 1);
      });
    }
  });
}

test("two credentials that differ in a retry option share what the table allows", async () => {
  await checkParts(subjects["a client secret"]!, RETRY_OPTIONS, (option, other) => {
    return { options: { retryOptions: { retryDelayInMs: 0, [option]: other } } };
  });
});

test("credentials of different kinds share nothing in one cache", async () => {
  const entries = new Map<string, TokenSet>();
  const world = createWorld(entries);
  const names = new Map<string, string[]>();
  for (const [name, subject] of Object.entries(subjects)) {
    const { token } = (await (await world.create(subject)).getToken(SCOPE))!;
    names.set(token, [...names.get(token) ?? [], name]);
  }
  // A chain uses the cached tokens of its credentials, and it does not matter whether a certificate comes from a file.
  assert.deepEqual([...names.values()].filter((names) => names.length > 1), [
    ["a client secret", "a chain"],
    ["a certificate", "a certificate in a file"],
    ["a workload", "DefaultAzureCredential, in a workload"],
    ["the environment's secret", "DefaultAzureCredential, with a secret"],
    ["IMDS", "DefaultAzureCredential, on a virtual machine"],
    ["the Azure CLI", "DefaultAzureCredential, on a developer's machine"],
  ]);
});

test("every credential of the library has rows in the table", async () => {
  const world = createWorld(undefined);
  const made = await Promise.all(Object.values(subjects).map((subject) => world.create(subject)));
  const missing = Object.entries(library).filter(([, member]) =>
    typeof member === "function" && "getToken" in (member.prototype ?? {}) &&
    !made.some((credential) => credential instanceof member)
  );
  // VisualStudioCodeCredential returns no token.
  assert.deepEqual(missing.map(([name]) => name), ["VisualStudioCodeCredential"]);
});
