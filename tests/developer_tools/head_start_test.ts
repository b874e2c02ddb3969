// The Azure CLI is started while the metadata service is still being probed. Which credential is used remains the same.
import { createFakeClock } from "@azweb/identity/testing";
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  createLaptop,
  type Laptop,
  type LaptopOptions,
  metadata,
  type Name,
  noService,
  signedOut,
} from "../support/developer_tools/laptop.ts";
import { MACHINES } from "../support/managed_identity/machine.ts";
import { type Asked, breathe, failureOf, SCOPE, silence } from "../support/service.ts";
import { ANSWERS, HOUR, SIGNED_IN } from "../support/developer_tools/tool.ts";

const AZ: readonly Name[] = ["AzureCliCredential"];
const HEAD_START = 150;

/** Returns a function that responds to a probe after a delay, and to other requests at once. */
function delayProbe(
  ms: number,
  clock: Laptop["clock"],
  respond: (request: Asked) => unknown,
): (request: Asked) => unknown {
  return (request) =>
    request.headers.has("metadata") ? respond(request) : clock.sleep(ms, request.signal).then(() => respond(request));
}

/** Returns the behaviour of an Azure CLI that needs some time. */
function slowAz(ms: number, clock: Laptop["clock"], respond?: () => unknown): () => unknown {
  return () => clock.sleep(ms).then(() => respond ? respond() : ANSWERS.az(clock.now() + HOUR));
}

/** Calls `getToken` on a machine whose metadata service does not respond, and waits until the probe is pending. */
async function begin(options: LaptopOptions = {}) {
  const laptop = createLaptop({ has: AZ, localAnswer: silence, ...options });
  const getting = laptop.credential.getToken(SCOPE);
  getting.catch(() => {});
  await laptop.localService.untilRequested(1);
  return { ...laptop, getting };
}

/** Waits until the Azure CLI is started, after the probe has been pending for 150 ms. */
async function untilAzStarted({ clock, programs }: Pick<Laptop, "clock" | "programs">): Promise<void> {
  await clock.untilSleeping(HEAD_START);
  await clock.advance(HEAD_START);
  await programs.untilStarted(1);
}

// Loads the modules that are imported on demand.
before(() => createLaptop({ has: AZ }).credential.getToken(SCOPE));

test("az is started after the probe has been pending for 150 ms, and not before", async () => {
  const { clock, ran, programs } = await begin();
  assert.equal(await clock.untilSleeping(HEAD_START), HEAD_START);
  await clock.advance(HEAD_START - 1);
  assert.deepEqual(ran(), []);
  await clock.advance(1);
  await programs.untilStarted(1);
  assert.deepEqual(ran(), ["az"]);
});

test("az is also started if its profile has a byte order mark, as az writes it", async () => {
  const laptop = await begin({ hasProfile: { text: `\uFEFF${SIGNED_IN}` } });
  await untilAzStarted(laptop);
  assert.deepEqual(laptop.ran(), ["az"]);
});

test("the token of az is used only after the probe has found no managed identity", async () => {
  const laptop = await begin();
  const { clock, ran, getting, selected, localService } = laptop;
  let settled = false;
  getting.then(() => settled = true);
  await untilAzStarted(laptop);
  await clock.advance(999 - HEAD_START);
  assert.deepEqual([settled, selected()], [false, []]);
  await clock.advance(1);
  assert.equal((await getting).token, "of az");
  assert.deepEqual(selected(), ["AzureCliCredential"]);
  assert.deepEqual(ran(), ["az"]);
  assert.equal(localService.requests.length, 1);
});

for (const [az, total] of [[600, 1000], [3000, HEAD_START + 3000]] as const) {
  test(`a probe of 1000 ms and an az that needs ${az} ms take ${total} ms together`, async () => {
    const clock = createFakeClock();
    const start = clock.now();
    const laptop = await begin({ clock, tools: { az: slowAz(az, clock) } });
    const { getting } = laptop;
    let done = 0;
    getting.then(() => done = clock.now() - start);
    await untilAzStarted(laptop);
    await clock.advance(10_000);
    assert.equal((await getting).token, "of az");
    assert.equal(done, total);
  });
}

describe("if the machine has a managed identity, it is used", () => {
  for (const az of [50, 5000]) {
    test(`even if az was started and needs ${az} ms; az is not stopped`, async () => {
      const clock = createFakeClock();
      const laptop = await begin({
        clock,
        localAnswer: delayProbe(500, clock, metadata),
        tools: { az: slowAz(az, clock) },
      });
      const { getting, programs, selected, events, credential, ran } = laptop;
      await untilAzStarted(laptop);
      await clock.advance(350);
      assert.equal((await getting).token, "a-token");
      assert.deepEqual(selected(), ["ManagedIdentityCredential"]);
      await clock.advance(az);
      assert.equal(programs.started.length, 1);
      assert.equal(programs.started[0]!.options.signal!.aborted, false);
      assert.deepEqual(
        events.filter(({ event }) => event === "credential-skipped").map(({ credential }) => credential),
        [
          "EnvironmentCredential",
          "WorkloadIdentityCredential",
        ],
      );
      // The managed identity stays selected.
      await credential.getToken("https://vault.azure.net/.default");
      assert.deepEqual(ran(), ["az"]);
    });
  }

  test("and an error of az is ignored", async () => {
    const clock = createFakeClock();
    const laptop = await begin({ clock, localAnswer: delayProbe(500, clock, metadata), tools: { az: signedOut } });
    await untilAzStarted(laptop);
    await clock.advance(350);
    assert.equal((await laptop.getting).token, "a-token");
    await breathe();
  });
});

test("az is not started if the probe gets a response in time", async () => {
  for (const [localAnswer, token] of [[metadata, "a-token"], [noService, "of az"]] as const) {
    const clock = createFakeClock();
    const { getting, programs } = await begin({ clock, localAnswer: delayProbe(HEAD_START - 1, clock, localAnswer) });
    await clock.untilSleeping(HEAD_START - 1);
    await clock.advance(HEAD_START - 1);
    assert.equal((await getting).token, token);
    assert.equal(programs.started.length, token === "of az" ? 1 : 0);
    assert.ok(!clock.sleeping.includes(1));
  }
});

test("an az that fails is not started again, and the error contains the time that the caller waited for it", async () => {
  const clock = createFakeClock();
  const laptop = await begin({ clock, tools: { az: slowAz(1500, clock, signedOut) } });
  const { getting, ran } = laptop;
  await untilAzStarted(laptop);
  await clock.advance(10_000);
  const error = await failureOf(getting);
  assert.equal(error.name, "AggregateAuthenticationError");
  assert.match(error.message, /ManagedIdentityCredential +absent +1000 ms /);
  assert.match(error.message, /AzureCliCredential +absent +650 ms +Cannot .* No account is signed in/);
  assert.deepEqual(ran(), ["az"]);
});

test("az is stopped at its own time limit", async () => {
  const clock = createFakeClock();
  const laptop = await begin({ clock, tools: { az: () => new Promise(() => {}) }, processTimeoutInMs: 2000 });
  await untilAzStarted(laptop);
  await clock.advance(2000);
  assert.match(
    (await failureOf(laptop.getting)).message,
    /AzureCliCredential +inconclusive +1150 ms .*within the 2000 ms/,
  );
});

describe("az is not started early", () => {
  for (
    const [condition, options] of [
      ["if no account is signed in", { hasProfile: false }],
      ...[
        "",
        "{",
        "[]",
        "{}",
        '{"subscriptions":null}',
        '{"subscriptions":[]}',
        '\uFEFF{"installationId":"i","subscriptions":[]}',
      ]
        .map((text): [string, LaptopOptions] => [
          `if the profile of az is ${JSON.stringify(text)}, which has no account`,
          { hasProfile: { text } },
        ]),
      ["if the profile may not be read", { hasProfile: "forbidden" }],
      ["if AzureCliCredential is excluded", { exclude: ["AzureCliCredential"] }],
      ["if AZURE_TOKEN_CREDENTIALS restricts the chain to credentials for Azure", {
        variables: { AZURE_TOKEN_CREDENTIALS: "prod" },
      }],
      ["if AZURE_TOKEN_CREDENTIALS selects the managed identity", {
        variables: { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
      }],
      ["if a variable has the URL of the metadata service", {
        variables: { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:2579" },
      }],
      ...Object.entries(MACHINES).filter(([name]) => !["IMDS", "Azure Arc"].includes(name)).map((
        [name, variables],
      ): [string, LaptopOptions] => [`if variables configure ${name}`, { variables }]),
    ] as [string, LaptopOptions][]
  ) {
    test(condition, async () => {
      const { clock, programs } = await begin(options);
      await clock.untilSleeping();
      // Longer than the 150 ms, and shorter than the time limit of the probe.
      await clock.advance(900);
      assert.equal(programs.started.length, 0);
    });
  }
});

describe("a call that is aborted", () => {
  for (
    const [when, ms] of [["before az is started", 100], ["while az runs", 400], ["after the probe", 1200]] as const
  ) {
    test(`${when} rejects at once, and az is not stopped`, async () => {
      const clock = createFakeClock();
      let ended = 0;
      const laptop = createLaptop({
        clock,
        has: AZ,
        localAnswer: silence,
        tools: { az: slowAz(3000, clock, () => (ended++, ANSWERS.az(clock.now() + HOUR))) },
      });
      const controller = new AbortController();
      const aborted = failureOf(laptop.credential.getToken(SCOPE, { abortSignal: controller.signal }));
      await laptop.localService.untilRequested(1);
      await clock.untilSleeping(HEAD_START);
      if (ms >= HEAD_START) await untilAzStarted(laptop);
      await clock.advance(ms >= HEAD_START ? ms - HEAD_START : ms);
      controller.abort();
      assert.equal((await aborted).name, "AbortError");
      await clock.advance(10_000);
      const starts = ms >= HEAD_START ? 1 : 0;
      assert.equal(laptop.programs.started.length, starts);
      assert.equal(laptop.programs.started.filter(({ options }) => options.signal!.aborted).length, 0);
      assert.equal(ended, starts);
      assert.deepEqual(laptop.selected(), []);
    });
  }

  test("does not affect other calls", async () => {
    const clock = createFakeClock();
    const laptop = await begin({ clock, tools: { az: slowAz(3000, clock) } });
    const { credential, getting, localService, ran } = laptop;
    const controller = new AbortController();
    const aborted = failureOf(credential.getToken(SCOPE, { abortSignal: controller.signal }));
    await untilAzStarted(laptop);
    await clock.advance(250);
    controller.abort();
    assert.equal((await aborted).name, "AbortError");
    await clock.advance(10_000);
    assert.equal((await getting).token, "of az");
    assert.deepEqual(ran(), ["az"]);
    assert.ok(localService.requests.length > 0);
  });
});

test("concurrent calls start az once", async () => {
  const laptop = await begin();
  const { credential, clock, getting, ran } = laptop;
  const others = Array.from({ length: 20 }, () => credential.getToken(SCOPE));
  await untilAzStarted(laptop);
  await clock.advance(2000);
  const tokens = await Promise.all([getting, ...others]);
  assert.deepEqual([...new Set(tokens.map(({ token }) => token))], ["of az"]);
  assert.deepEqual(ran(), ["az"]);
});

test("without a cache, each call starts az once", async () => {
  const laptop = await begin({ cache: false });
  const { clock, getting, ran, credential } = laptop;
  await untilAzStarted(laptop);
  await clock.advance(2000);
  await getting;
  assert.deepEqual(ran(), ["az"]);
  await credential.getToken(SCOPE);
  assert.deepEqual(ran(), ["az", "az"]);
});

test("az gets the scope and tenant of the caller's request", async () => {
  const laptop = createLaptop({ has: AZ, localAnswer: silence });
  const getting = laptop.credential.getToken(SCOPE, { tenantId: "a.example" });
  await laptop.localService.untilRequested(1);
  await untilAzStarted(laptop);
  await laptop.clock.advance(1000);
  await getting;
  assert.deepEqual(laptop.programs.started[0]!.args.slice(-2), ["--tenant", "a.example"]);
});
