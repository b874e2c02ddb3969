// Runs on: deno
//
// The real Azure CLI, signed in to a simulated Azure, and programs that use it with ordinary options, in an isolated
// network: see support/interop/boxed_laptop.ts.
import { stop } from "esbuild";
import { decodeJwt } from "jose";
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { untilNoneHas } from "../support/environ.ts";
import {
  type Circumstances,
  type Laptop,
  type Library,
  OURS,
  startLaptop,
  whyNoLaptop,
} from "../support/interop/boxed_laptop.ts";

const TENANT = "22222222-2222-2222-2222-222222222222";
const ANOTHER_TENANT = "33333333-3333-3333-3333-333333333333";
const APP = "11111111-1111-1111-1111-111111111111";
const OTHER_APP = "55555555-5555-5555-5555-555555555555";
const SUBSCRIPTION = "44444444-4444-4444-4444-444444444444";
const SECRET = "a-secret";
const AZ = "az account get-access-token --output json --only-show-errors --resource";
const STORAGE = "https://storage.azure.com";
const VAULT = "https://vault.azure.net";
const LOGIN = `az login --scope ${STORAGE}/.default`;

/** A call of `getToken` by the program support/interop/ask_credentials.js. */
interface Call {
  readonly credential?: "DefaultAzureCredential" | "AzureCliCredential";
  readonly options?: object;
  readonly scope?: string;
  readonly getTokenOptions?: object;
  /** The number of concurrent calls. Default: 1. */
  readonly times?: number;
  /** Whether the program calls again until it gets another token. */
  readonly untilAnother?: boolean;
}

/** The result of a call. */
interface Answer {
  readonly token?: string;
  /** The number of different tokens of concurrent calls. */
  readonly different?: number;
  readonly error?: string;
  readonly ms: number;
}

describe("the real Azure CLI, in an isolated network", { skip: await whyNoLaptop() }, () => {
  let laptop: Laptop;

  before(async () => {
    const secrets = [SECRET];
    laptop = await startLaptop({
      entra: {
        apps: [
          { tenantId: TENANT, clientId: APP, secrets },
          { tenantId: ANOTHER_TENANT, clientId: APP, secrets },
          { tenantId: TENANT, clientId: OTHER_APP, secrets },
        ],
      },
      machine: {},
      subscriptions: {
        [TENANT]: [{ id: SUBSCRIPTION, name: "Production" }, { id: crypto.randomUUID(), name: "A 2nd one" }],
        [ANOTHER_TENANT]: [{ id: crypto.randomUUID(), name: "Elsewhere" }],
      },
      logins: [login(APP, ANOTHER_TENANT), login(APP, TENANT)],
    });
    // On a laptop, connections to the address of the metadata service are refused.
    await laptop.box.set({ machine: "refused" });
  });

  after(async () => {
    await laptop?.close();
    await stop();
  });

  const cases: [name: string, call: Call, expected: string | RegExp, az: readonly string[]][] = [
    ["the chain", { credential: "DefaultAzureCredential" }, TENANT, [`${AZ} ${STORAGE}`]],
    ["the credential alone, which finds the chain's token in memory", {}, TENANT, []],
    ["another tenant", { options: { tenantId: ANOTHER_TENANT } }, ANOTHER_TENANT, [
      `${AZ} ${STORAGE} --tenant ${ANOTHER_TENANT}`,
    ]],
    [
      "another tenant of a call",
      { scope: `${VAULT}/.default`, getTokenOptions: { tenantId: ANOTHER_TENANT } },
      ANOTHER_TENANT,
      [`${AZ} ${VAULT} --tenant ${ANOTHER_TENANT}`],
    ],
    ["a subscription by its id", { options: { subscription: SUBSCRIPTION } }, TENANT, [
      `${AZ} ${STORAGE} --subscription ${SUBSCRIPTION}`,
    ]],
    ["a subscription by its name", { options: { subscription: "A 2nd one" } }, TENANT, [
      `${AZ} ${STORAGE} --subscription A 2nd one`,
    ]],
    ["a subscription of another tenant", { options: { subscription: "Elsewhere" } }, ANOTHER_TENANT, [
      `${AZ} ${STORAGE} --subscription Elsewhere`,
    ]],
    [
      "a subscription and the tenant that it is not in",
      { options: { subscription: "Elsewhere", tenantId: TENANT } },
      /^CredentialUnavailableError: AzureCliCredential: .*The subscription "Elsewhere" is in another tenant than "2222/,
      [`${AZ} ${STORAGE} --subscription Elsewhere`],
    ],
    [
      "a subscription that does not exist",
      { options: { subscription: "Nowhere" } },
      /It ended with exit code 1: ERROR: Subscription 'Nowhere' not found\. Check the spelling/,
      [`${AZ} ${STORAGE} --subscription Nowhere`],
    ],
    [
      "a tenant that does not exist",
      { options: { tenantId: "99999999-9999-9999-9999-999999999999" } },
      /It ended with exit code 1: ERROR: .*Unable to get authority configuration for https/,
      [`${AZ} ${STORAGE} --tenant 99999999-9999-9999-9999-999999999999`],
    ],
    [
      "claims, which az accepts at a sign-in only",
      { getTokenOptions: { claims: '{"access_token":{}}' } },
      new RegExp(`Run "${LOGIN} --claims-challenge "eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""$`),
      [],
    ],
    ["a thousand calls at once", { scope: `${VAULT}/.default`, times: 1000 }, TENANT, [`${AZ} ${VAULT}`]],
    ["two calls without a cache", { options: { cache: false }, times: 2 }, TENANT, [
      `${AZ} ${STORAGE}`,
      `${AZ} ${STORAGE}`,
    ]],
  ];
  for (const library of OURS) {
    test(`${library}: returns the tokens of an az that is signed in`, async () => {
      const { answers, processes, requests } = await callEach(library, cases.map(([, call]) => call), {
        tools: ["az"],
        isSignedIn: true,
      });
      for (const [index, [name, , expected]] of cases.entries()) {
        const { token, error, different } = answers[index]!;
        if (typeof expected !== "string") {
          assert.match(error ?? "no error", expected, `${name}: ${error}`);
          continue;
        }
        assert.equal(error, undefined, name);
        const { appid, tid, aud } = decodeJwt(token!);
        const { scope = `${STORAGE}/.default` } = cases[index]![1];
        assert.deepEqual({ appid, tid, aud: `${aud}/.default` }, { appid: APP, tid: expected, aud: scope }, name);
        assert.equal(different, 1, name);
      }
      assert.equal(answers[0]!.token, answers[1]!.token);
      assert.deepEqual(processes.map((line) => line.trim()), cases.flatMap(([, , , az]) => az));
      assert.equal(requests.filter(({ to }) => to === "machine").length, 0);
      const [first, second] = answers;
      const thousand = answers[cases.findIndex(([, { times }]) => times === 1000)]!;
      console.log(
        `${library}: a token of az in ${first!.ms} ms, from the cache in ${
          second!.ms
        } ms, a thousand at once in ${thousand.ms} ms`,
      );
    });

    test(`${library}: rejects if az is not signed in`, async () => {
      const { answers: [chain, alone], processes } = await callEach(library, [
        { credential: "DefaultAzureCredential" },
        {},
      ], { tools: ["az"] });
      // The first az that is started writes a profile without an account. Later calls read that, and start no az.
      const reason = /No account is signed in(?:: ERROR: Please run 'az login' to setup account| \("[^"]+"\))/.source;
      assert.match(chain!.error!, /^AggregateAuthenticationError: DefaultAzureCredential: Cannot get a token: No cred/);
      assert.match(chain!.error!, new RegExp(`${reason}\n    → Run "${LOGIN}"`));
      assert.match(
        alone!.error!,
        new RegExp(
          `^CredentialUnavailableError: AzureCliCredential: Cannot get a token from Azure CLI: ${reason}: Run "${LOGIN}"$`,
        ),
      );
      const isFirst = library === OURS[0];
      assert.equal(processes.length, isFirst ? 1 : 0);
    });

    test(`${library}: rejects if az is not installed`, async () => {
      const { answers: [chain, alone] } = await callEach(library, [{ credential: "DefaultAzureCredential" }, {}], {});
      const expected = 'No folder of PATH has the program "az"';
      assert.ok(chain!.error!.includes(`${expected}\n    → Install it`), chain!.error!);
      assert.ok(alone!.error!.includes(`${expected}: Install it, see https://learn.microsoft.com/`), alone!.error!);
    });
  }

  test("az is stopped if it hangs because Entra does not respond", async () => {
    await laptop.box.set({ machine: "refused", entra: "silent" });
    const configuration = await laptop.copyConfiguration();
    const calls: Call[] = [{ credential: "AzureCliCredential", options: { processTimeoutInMs: 3000 } }];
    const programs = OURS.map((library) =>
      laptop.start(library, "ask_credentials", { tools: ["az"], configuration, args: [JSON.stringify(calls)] })
    );
    // A program ends only after the processes that it started. This limit is reached only if the test fails.
    const limit = setTimeout(() => programs.forEach((program) => void program.stop()), 120_000);
    const endings = await Promise.all(programs.map(({ ended }) => ended));
    clearTimeout(limit);
    for (const { code, stdout, stderr } of endings) {
      assert.equal(code, 0, stdout + stderr);
      assert.match(
        stdout,
        /"az account get-access-token\\" did not end within the 3000 ms of \\"processTimeoutInMs\\", and was stopped/,
        stderr,
      );
    }
    await untilNoneHas(configuration);
  });

  test("after another sign-in to az, the new account is used", async () => {
    await laptop.box.set({ machine: "refused" });
    const configuration = await laptop.copyConfiguration();
    const calls: Call[] = [{ credential: "DefaultAzureCredential", untilAnother: true }];
    const programs = OURS.map((library) =>
      laptop.start(library, "ask_credentials", { tools: ["az"], configuration, args: [JSON.stringify(calls)] })
    );
    await Promise.all(programs.map((program) => program.untilPrinted(/token/)));
    await laptop.az(configuration, ["login", ...login(OTHER_APP, TENANT)]);
    for (const { stdout, stderr } of await Promise.all(programs.map(({ ended }) => ended))) {
      const seen = answersIn(stdout).map(({ token, error }) => token ? decodeJwt(token).appid : error);
      assert.deepEqual(seen, [APP, OTHER_APP], stderr);
    }
  });

  async function callEach(library: Library, calls: readonly Call[], circumstances: Circumstances) {
    const all = calls.map((call) => ({ credential: "AzureCliCredential", ...call }));
    const args = [JSON.stringify(all)];
    const observation = await laptop.run(library, "ask_credentials", { ...circumstances, args });
    const answers = answersIn(observation.stdout);
    assert.equal(answers.length, calls.length, observation.stdout + observation.stderr);
    return { ...observation, answers };
  }
});

function answersIn(stdout: string): Answer[] {
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

function login(clientId: string, tenantId: string): string[] {
  return ["--service-principal", "-u", clientId, "-p", SECRET, "--tenant", tenantId];
}
