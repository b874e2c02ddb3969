// Which identity a program has while its managed identity fails and after it has recovered: for each source, for each
// failure, and for each moment at which the failure begins.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FILE_FAULTS, HTTP_FAULTS } from "../support/core/model_faults.ts";
import { SOURCE_NAMES, type SourceName } from "../support/core/model_machine.ts";
import { createProgram, loadModules, type Program } from "../support/core/model_programs.ts";
import { type Box, createWorld, HOUR, type Target, type World } from "../support/core/model_world.ts";
import { withGlobals } from "../support/core/model_clock.ts";

const MINUTE = 60_000;

/**
 * When the failure begins: before the first request, at the request that returns the first token, in the last minutes
 * of a token, or after a token has expired.
 */
const MOMENTS = ["before", "at", "in the last minutes", "after"] as const;
type Moment = typeof MOMENTS[number];

/** How many requests fail, with the maximum number of retries of a call. */
const FAILURE_COUNTS: readonly [times: number, maxRetries: number][] = [[1, 0], [2, 2], [Infinity, 0]];

type SetUp = "DefaultAzureCredential with a signed-in az" | "ManagedIdentityCredential alone";
type Machine = SourceName | "virtual machine" | "container instance";

/** A combination that is tested. */
interface Cell {
  readonly machine: Machine;
  readonly setUp: SetUp;
  readonly fault: string;
  readonly target: Target;
  readonly moment: Moment;
  readonly times: number;
  readonly maxRetries: number;
}

/** The result of a call. */
type Result = "machine" | "az" | "AuthenticationError" | "unavailable" | "another";

/**
 * The expected results of a cell: during the failure, after the duration of an inconclusive failure, and after the
 * recovery.
 */
interface Rule {
  readonly failing: readonly Result[];
  readonly holdsInMs: number;
  readonly healed: readonly Result[];
}

function isProbed(machine: Machine): boolean {
  return machine === "virtual machine" || machine === "container instance";
}

/**
 * Returns the expected results. A managed identity that is configured, or whose source responded to the probe, is the
 * only identity. az is used only if the probe finds no source.
 */
function ruleOf({ machine, setUp, fault, moment, times, maxRetries, target }: Cell): Rule {
  const isChain = setUp !== "ManagedIdentityCredential alone";
  const pause = HTTP_FAULTS[fault]?.retryAfterInMs ?? 0;
  const canSucceed = times !== Infinity && maxRetries > 0 || moment === "in the last minutes";
  const failing: Result[] = ["AuthenticationError", ...canSucceed ? ["machine" as const] : []];
  const configured: Rule = { failing, holdsInMs: pause, healed: ["machine"] };
  const mayLackIdentity = fault === "400 Identity not found" &&
    (isProbed(machine) || machine.startsWith("Azure Arc") || machine === "a named metadata service");
  if (mayLackIdentity) {
    const isElected = moment === "in the last minutes" || moment === "after";
    const other: Result = isChain && !isElected ? "az" : "unavailable";
    return { ...configured, failing: [...failing, other], holdsInMs: MINUTE };
  }
  if (!isChain && isProbed(machine) && (moment === "before" || moment === "at")) {
    // Without a chain there is no probe, so that no source has responded yet.
    return { ...configured, failing: [...failing, "unavailable"] };
  }
  if (moment !== "before" || target !== "probe") return configured;
  switch (HTTP_FAULTS[fault]?.probe ?? "absent") {
    case "recognised":
      return configured;
    case "inconclusive":
      return { failing: ["az"], holdsInMs: 10_000, healed: ["machine"] };
    case "absent":
      return { failing: ["az"], holdsInMs: MINUTE, healed: ["az"] };
    case "absent or inconclusive":
      return { failing: ["az"], holdsInMs: MINUTE, healed: ["az", "machine"] };
  }
}

function boxOf(machine: Machine): Box {
  const source = machine === "virtual machine" || machine === "container instance" ? "none" : machine;
  const linkLocal = machine === "container instance" ? machine : "virtual machine";
  return { source, linkLocal, tools: ["az"], areProfilesReadable: true };
}

function programOf({ setUp, maxRetries }: Cell): Program {
  return {
    shape: setUp === "ManagedIdentityCredential alone" ? "managed identity" : "default",
    ...{ principal: "none", hasFederatedToken: false, identity: "own", tokenCredentials: undefined, hasTenant: false },
    ...{ allowsAnyTenant: false, isInChina: false, home: "/home/jo", cache: "process", maxRetries },
  };
}

/** Runs a cell and returns its deviations from the rule. */
async function play(cell: Cell): Promise<string[]> {
  const world = createWorld(boxOf(cell.machine));
  world.users.set("/home/jo", "jo");
  const wrong: string[] = [];
  const { failing, holdsInMs, healed } = ruleOf(cell);
  await withGlobals(world.clock.now, () => 0.5, async () => {
    const credential = createProgram(programOf(cell), world);

    async function expect(when: string, allowed: readonly Result[]): Promise<void> {
      const result = await resultOf(credential.getToken("https://storage.azure.com/.default"), world);
      if (!allowed.includes(result)) wrong.push(`${when}: ${result}, not ${allowed.join(" or ")}`);
    }

    if (cell.moment === "in the last minutes" || cell.moment === "after") {
      await expect("before it fails", ["machine"]);
      await world.clock.advance(24 * HOUR + (cell.moment === "after" ? MINUTE : -MINUTE));
    }
    fail(cell, world);
    await expect("it fails", failing);
    const isAz = failing.includes("az");
    if (cell.times === Infinity) {
      await world.clock.advance(2 * MINUTE);
      await expect("it fails again", failing.filter((result) => result !== "machine"));
      await world.clock.advance(2 * MINUTE);
    }
    for (let left = cell.times; left < Infinity && left > 1; left--) {
      await world.clock.advance(holdsInMs + 1);
      await expect("it fails again", [...failing, ...healed]);
    }
    world.faults.clear();
    // A call that returns az's token starts the probe in the background, and the next one returns the managed
    // identity's token.
    await world.clock.advance(holdsInMs + 1);
    if (isAz) await expect("it has healed a moment ago", [...failing, ...healed]);
    await world.clock.calm();
    await expect("it has healed", healed);
    await world.clock.advance(2 * HOUR);
    await expect("it has healed for hours", healed);
    // A chain starts az already while it probes the metadata service.
    if (!isAz && !isProbed(cell.machine) && started(world) > 0) wrong.push("az was started");
  });
  return wrong.map((line) => `${JSON.stringify(cell)}: ${line}`);
}

/** Lets the failure of a cell begin. */
function fail({ fault, target, machine, moment, times }: Cell, { faults }: World): void {
  // The first response of Azure Arc is a challenge, the second one has the token.
  const skip = target === "source" && moment === "at" && machine.startsWith("Azure Arc") ? 1 : 0;
  faults.set(target, { name: fault, left: times, skip });
  if (target === "probe") faults.set("imds", { name: fault, left: times });
}

/** Returns the number of tokens that az has issued. */
function started({ issued }: World): number {
  return issued.filter(({ key }) => key.startsWith("az ")).length;
}

async function resultOf(call: Promise<{ readonly token: string } | null>, world: World): Promise<Result> {
  const settled = call.then((token) => token?.token.split(" ")[0], (error) => String(error?.name));
  const result = await world.clock.settle(settled);
  await world.clock.calm();
  if (result === "machine" || result === "az" || result === "AuthenticationError") return result;
  return /^(CredentialUnavailable|AggregateAuthentication)Error$/.test(String(result)) ? "unavailable" : "another";
}

/** Returns the failures that a machine can have at a moment, each with the request or file that it affects. */
function failuresOf(machine: Machine, moment: Moment): [target: Target, fault: string][] {
  const target: Target = !isProbed(machine) ? "source" : moment === "before" ? "probe" : "imds";
  return [
    ...Object.keys(HTTP_FAULTS).map((fault): [Target, string] => [target, fault]),
    ...isProbed(machine) ? [] : [["source", "no permission to connect"] as [Target, string]],
    ...machine === "Service Fabric" ? [["pin", "wrong pin"] as [Target, string]] : [],
    ...machine.startsWith("Azure Arc")
      ? Object.keys(FILE_FAULTS).map((fault): [Target, string] => ["key file", fault])
      : [],
  ];
}

for (const setUp of ["DefaultAzureCredential with a signed-in az", "ManagedIdentityCredential alone"] as const) {
  describe(setUp, () => {
    for (const machine of [...SOURCE_NAMES, "virtual machine", "container instance"] as const) {
      test(`${machine}: the identity is the expected one, whenever and however the source fails`, async () => {
        await loadModules();
        const wrong: string[] = [];
        for (const moment of MOMENTS) {
          for (const [target, fault] of failuresOf(machine, moment)) {
            for (const [times, maxRetries] of FAILURE_COUNTS) {
              wrong.push(...await play({ machine, setUp, fault, target, moment, times, maxRetries }));
            }
          }
        }
        assert.deepEqual(wrong, []);
      });
    }
  });
}
