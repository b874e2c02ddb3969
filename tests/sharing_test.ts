// Two calls that are equal share one request; two that differ in one part share what that part allows.
import type { AccessToken, GetTokenOptions, TokenCache, TokenCredential, TokenSet } from "@azweb/identity";
import * as library from "@azweb/identity";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SCOPE } from "./support/service.ts";
import {
  asynchronous,
  type Change,
  createWorld,
  type Part,
  type Sharing,
  type Subject,
  type World,
} from "./support/sharing.ts";
import { CALLS, CLAIMS, createSubjects, OPTIONS, RETRY_OPTIONS } from "./support/sharing_subjects.ts";

const OTHER_SCOPE = "https://vault.azure.net/.default";

/** Where tokens are cached, and the map behind it. */
const CACHES: Readonly<Record<string, (entries: Map<string, TokenSet>) => TokenCache | undefined>> = {
  "the process's memory": () => undefined,
  "a Map": (entries) => entries,
  "an asynchronous cache": asynchronous,
};

/** Two of what can be asked for a token. */
type Ask = (scopes?: string | string[], options?: GetTokenOptions) => Promise<AccessToken | null>;

/** Asks two at once and then one after the other, and compares what they share with what they should. */
async function compare(
  world: World,
  share: Sharing,
  asks: () => Promise<readonly [Ask, Ask]>,
  isInTurn = false,
): Promise<void> {
  const before = world.asked;
  const [one, other] = await asks();
  const cold: Promise<AccessToken | null>[] = [];
  await world.hold(share === "everything" || isInTurn ? 1 : 2, () => {
    cold.push(one(), other());
    return cold;
  });
  const [first, second] = (await Promise.all(cold)).map((token) => token!.token);
  assert.equal(first === second, share === "everything", "two requests at once");
  const warm: string[] = [];
  for (const ask of await asks()) warm.push((await ask())!.token);
  assert.equal(world.asked - before, share === "everything" ? 1 : 2, "tokens that were asked for");
  assert.equal(warm[0] === warm[1], share !== "nothing", "two cached tokens");
  if (share !== "the cache") assert.deepEqual(warm, [first, second]);
}

/** Compares a credential with one that differs in a part, in each cache. */
async function compareInstances(subject: Subject, part: Part, change: (other: unknown) => Change): Promise<void> {
  for (const [name, open] of Object.entries(CACHES)) {
    const entries = new Map<string, TokenSet>();
    const world = createWorld(open(entries));
    const changed = change(part.other(world));
    const make = () => Promise.all([world.create(subject), world.create(subject, changed)]);
    const credentials = await make();
    await compare(world, part.share, async () => {
      const [one, other] = subject.perInstance || part.perInstance ? credentials : await make();
      return [() => one.getToken(SCOPE), () => other.getToken(SCOPE)];
    });
    if (open(entries) && !changed.options?.cache) {
      assert.equal(entries.size, part.share === "nothing" ? 2 : 1, `entries of ${name}`);
    }
  }
}

/** Compares two calls of one credential. */
async function compareCalls(
  subject: Subject,
  share: Sharing,
  ask: (credential: TokenCredential, world: World) => readonly [Ask, Ask],
): Promise<void> {
  const world = createWorld(new Map());
  const credential = await world.create(subject);
  await compare(world, share, () => Promise.resolve(ask(credential, world)), subject.inTurn);
}

const subjects = await createSubjects();

for (const [name, subject] of Object.entries(subjects)) {
  const { perInstance = false, parts, variables } = subject;
  describe(name, () => {
    test(`two that are equal share ${perInstance ? "nothing" : "everything"}`, async () => {
      const equal: Part = { share: perInstance ? "nothing" : "everything", other: () => ({}) };
      await compareInstances(subject, equal, () => ({}));
    });

    // One user's instance shares nothing with any other.
    if (!perInstance) {
      for (const [part, row] of Object.entries(parts)) {
        test(`two that differ in ${part} share ${row.share}`, async () => {
          const [argument] = part.split(":");
          await compareInstances(subject, row, (other) => ({ given: { [argument!]: other } }));
        });
      }
      for (const [option, row] of Object.entries(subject.options ?? {})) {
        test(`two that differ in the option ${option} share ${row.share}`, async () => {
          await compareInstances(subject, row, (other) => ({ options: { [option]: other } }));
        });
      }
      for (const [variable, row] of Object.entries(variables ?? {})) {
        test(`two that differ in the variable ${variable} share ${row.share}`, async () => {
          await compareInstances(subject, row, (other) => ({ env: { [variable]: other } }));
        });
      }
    }

    if (variables) {
      test("every variable that is read has a row", async () => {
        const world = createWorld(undefined);
        await (await world.create(subject)).getToken(SCOPE);
        assert.deepEqual([...world.looked].filter((name) => !(name in variables)), []);
      });
    }

    for (const scopes of [[SCOPE], [SCOPE, SCOPE], ` ${SCOPE}  `]) {
      test(`two calls for ${JSON.stringify(SCOPE)} and ${JSON.stringify(scopes)} share everything`, async () => {
        await compareCalls(subject, "everything", (credential) => [
          () => credential.getToken(SCOPE),
          () => credential.getToken(scopes),
        ]);
      });
    }

    test("two calls for two scopes share nothing", async () => {
      await compareCalls(subject, "nothing", (credential) => [
        () => credential.getToken(SCOPE),
        () => credential.getToken(OTHER_SCOPE),
      ]);
    });

    // Other tools take claims at a sign-in alone.
    if (subject.takesClaims ?? true) {
      test("a call with claims shares nothing with one without, and replaces its token", async () => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const cold: Promise<AccessToken | null>[] = [];
        const [one, other] = [CLAIMS, CLAIMS.replace("17", "18")];
        await world.hold(subject.inTurn ? 1 : 3, () => {
          for (const claims of [undefined, one, other]) cold.push(credential.getToken(SCOPE, { claims }));
          return cold;
        });
        const tokens = (await Promise.all(cold)).map((token) => token!.token);
        assert.equal(new Set(tokens).size, 3);
        const cached = (await credential.getToken(SCOPE))!.token;
        assert.ok(cached === tokens[1] || cached === tokens[2], "the token of a call with claims is cached");
        const again = (await credential.getToken(SCOPE, { claims: one }))!.token;
        assert.equal(tokens.includes(again), false, "a call with claims finds no cached token");
        assert.equal((await credential.getToken(SCOPE))!.token, again);
      });

      test("two calls with equal claims at once share everything", async () => {
        const world = createWorld(new Map());
        const credential = await world.create(subject);
        const cold: Promise<AccessToken | null>[] = [];
        await world.hold(1, () => {
          for (const claims of [CLAIMS, CLAIMS]) cold.push(credential.getToken(SCOPE, { claims }));
          return cold;
        });
        assert.equal(new Set(await Promise.all(cold)).size, 1);
      });
    }

    for (const [option, usual] of Object.entries(CALLS)) {
      const { share, other } = subject.calls?.[option] ?? usual;
      test(`two calls that differ in ${option} share ${share}`, async () => {
        await compareCalls(subject, share, (credential, world) => [
          () => credential.getToken(SCOPE),
          () => credential.getToken(SCOPE, { [option]: other(world) }),
        ]);
      });
    }
  });
}

describe("a client secret, in detail", () => {
  const subject = subjects["a client secret"]!;

  for (const [option, row] of Object.entries(RETRY_OPTIONS)) {
    test(`two that differ in ${option} share ${row.share}`, async () => {
      await compareInstances(subject, row, (other) => {
        return { options: { retryOptions: { retryDelayInMs: 0, [option]: other } } };
      });
    });
  }
});

test("credentials of different kinds share nothing in one cache, whatever they have in common", async () => {
  const entries = new Map<string, TokenSet>();
  const world = createWorld(entries);
  const tokens = new Map<string, string[]>();
  for (const [name, subject] of Object.entries(subjects)) {
    const { token } = (await (await world.create(subject)).getToken(SCOPE))!;
    tokens.set(token, [...tokens.get(token) ?? [], name]);
  }
  // Compositions find what their links have cached, and the forms of one certificate are one proof.
  assert.deepEqual([...tokens.values()].filter((names) => names.length > 1), [
    ["a client secret", "the environment's secret", "a chain", "the default, by its variables"],
    ["a certificate", "a certificate in a file", "the environment's certificate"],
    ["a workload", "the default, of a workload"],
    ["IMDS", "the default, on a virtual machine"],
    ["the Azure CLI", "the default, at a desk"],
  ]);
  assert.equal(entries.size, tokens.size);
});

test("every credential of the library has rows", async () => {
  const world = createWorld(undefined);
  const made = await Promise.all(Object.values(subjects).map((subject) => world.create(subject)));
  const missing = Object.entries(library).filter(([, member]) =>
    typeof member === "function" && "getToken" in (member.prototype ?? {}) &&
    !made.some((credential) => credential instanceof member)
  );
  assert.deepEqual(missing.map(([name]) => name), []);
});
