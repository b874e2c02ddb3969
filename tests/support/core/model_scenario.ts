/**
 * Random scenarios: a machine, one or two programs on it, and steps.
 *
 * @module
 */
import fc, { type Arbitrary } from "fast-check";
import { FILE_FAULTS, HTTP_FAULTS, TOOL_FAULTS } from "./model_faults.ts";
import { SOURCE_NAMES } from "./model_machine.ts";
import { DEFAULT_CHAIN, LEAVES, type Program, type Shape, TENANTS } from "./model_programs.ts";
import { type Box, type CacheMood, type ForeignMood, HOUR, type Target, TARGETS } from "./model_world.ts";

import type { ToolName } from "../developer_tools/tool.ts";

/** The call of a step. */
export interface CallStep {
  readonly program: number;
  readonly scopes: readonly string[];
  readonly tenantId: string | undefined;
  readonly claims: boolean;
  readonly enableCae: boolean;
  /** Number of turns of the event loop after which the caller aborts. */
  readonly abortAfter: number | undefined;
  readonly timeoutInMs: number | undefined;
}

/** A step of a scenario. */
export type Step =
  | { readonly kind: "call"; readonly call: CallStep }
  | { readonly kind: "calls at once"; readonly calls: readonly CallStep[] }
  | { readonly kind: "fault"; readonly target: Target; readonly name: string; readonly times: number }
  | { readonly kind: "heal"; readonly target: Target | "all" }
  | { readonly kind: "foreign"; readonly link: "foreign one" | "foreign two"; readonly mood: ForeignMood }
  | { readonly kind: "wait" | "jump"; readonly ms: number }
  | { readonly kind: "user"; readonly home: Program["home"]; readonly user: number }
  | { readonly kind: "cache"; readonly mood: CacheMood }
  | { readonly kind: "new instance"; readonly program: number };

/** A scenario as data. */
export interface Scenario {
  readonly box: Box;
  readonly programs: readonly Program[];
  readonly steps: readonly Step[];
}

/** The families of chains. */
export const FAMILIES = ["DefaultAzureCredential", "own credentials", "foreign credentials", "nested chains"] as const;
export type Family = typeof FAMILIES[number];

const STORAGE = "https://storage.azure.com/.default";
const VAULT = "https://vault.azure.net/.default";
const OWN = LEAVES.filter((leaf) => !leaf.startsWith("foreign"));
const { constant, constantFrom, oneof, record, shuffledSubarray, subarray } = fc;

/** Draws `common` three times out of four. */
function mostly<T>(common: T, ...rare: T[]): Arbitrary<T> {
  return oneof({ weight: 3, arbitrary: constant(common) }, { weight: 1, arbitrary: constantFrom(...rare) });
}

/** Draws `common` nine times out of ten. */
function usually<T>(common: T, ...rare: T[]): Arbitrary<T> {
  return oneof({ weight: 9, arbitrary: constant(common) }, { weight: 1, arbitrary: constantFrom(...rare) });
}

const box: Arbitrary<Box> = record({
  source: oneof(constant("none" as const), constantFrom(...SOURCE_NAMES)),
  linkLocal: constantFrom("nothing", "virtual machine", "container instance", "runner"),
  tools: oneof(constant<ToolName[]>(["az", "azd"]), subarray<ToolName>(["az", "pwsh", "azd"])),
  areProfilesReadable: mostly(true, false),
});

const shapes: Readonly<Record<Family, Arbitrary<Shape>>> = {
  "DefaultAzureCredential": constant("default"),
  "own credentials": chain(...OWN),
  "foreign credentials": oneof(
    chain("foreign one", "foreign two"),
    chain(...LEAVES),
    chain("foreign one", "default", "foreign two"),
  ),
  "nested chains": oneof(
    chain("default", "foreign one", "az", "secret two"),
    fc.tuple(chain(...LEAVES), shuffledSubarray([...LEAVES, "default"] as Shape[], { maxLength: 2 }), fc.nat(2)).map(
      ([inner, outer, at]) => ({ chain: outer.toSpliced(at, 0, inner) }),
    ),
  ),
};

function chain(...links: Shape[]): Arbitrary<Shape> {
  return shuffledSubarray(links, { minLength: 1, maxLength: Math.min(4, links.length) }).map((chain) => ({ chain }));
}

function programOf(family: Family): Arbitrary<Program> {
  return record({
    shape: shapes[family],
    principal: usually("none", "secret", "id only"),
    hasFederatedToken: usually(false, true),
    identity: mostly("own", "assigned by variable", "unknown by variable", "assigned by option", "unknown by option"),
    tokenCredentials: usually(undefined, "prod", "dev", ...DEFAULT_CHAIN.map(([name]) => name)),
    hasTenant: mostly(false, true),
    allowsAnyTenant: mostly(false, true),
    isInChina: mostly(false, true),
    home: constantFrom("/home/jo", "/home/kim"),
    cache: mostly("process", "own", "none"),
    maxRetries: mostly(0, 2),
  });
}

const call: Arbitrary<CallStep> = record({
  program: fc.nat(1),
  scopes: usually([STORAGE], [VAULT], [STORAGE, VAULT]),
  tenantId: usually(undefined, ...TENANTS),
  claims: usually(false, true),
  enableCae: usually(false, true),
  abortAfter: usually(undefined, 0, 1, 2, 4, 8),
  timeoutInMs: usually(undefined, 500, 1500, 20_000),
});

const times = constantFrom(1, 2, 3, Infinity);

function faultAt(target: Target): Arbitrary<Step> {
  const names: readonly string[] = target === "pin"
    ? ["wrong pin"]
    : target.endsWith("file")
    ? Object.keys(FILE_FAULTS)
    : ["az", "pwsh", "azd"].includes(target)
    ? Object.keys(TOOL_FAULTS)
    : [...Object.keys(HTTP_FAULTS), "no permission to connect"];
  return record({ kind: constant("fault"), target: constant(target), name: constantFrom(...names), times });
}

const second = 1000;
const wait: Arbitrary<Step> = record({
  kind: constant("wait"),
  ms: constantFrom(
    1,
    second,
    5 * second,
    9 * second,
    11 * second,
    30 * second,
    62 * second,
    HOUR / 6,
    HOUR - 6,
    25 * HOUR,
  ),
});
const makeCall: Arbitrary<Step> = record({ kind: constant("call"), call });
const fault: Arbitrary<Step> = oneof(...TARGETS.map(faultAt));
const heal: Arbitrary<Step> = record({ kind: constant("heal"), target: mostly<Target | "all">("all", ...TARGETS) });
const foreign: Arbitrary<Step> = record({
  kind: constant("foreign"),
  link: constantFrom("foreign one", "foreign two"),
  mood: constantFrom<ForeignMood[]>(
    ...["token", "unavailable", "absent", "not for this call", "required", "null", "aggregate", "refused"] as const,
  ),
});

const newInstance: Arbitrary<Step> = record({ kind: constant("new instance"), program: fc.nat(1) });

const step: Arbitrary<Step> = oneof(
  { weight: 8, arbitrary: makeCall },
  {
    weight: 1,
    arbitrary: record({ kind: constant("calls at once"), calls: fc.array(call, { minLength: 2, maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fault },
  { weight: 1, arbitrary: heal },
  { weight: 1, arbitrary: foreign },
  { weight: 2, arbitrary: wait },
  {
    weight: 1,
    arbitrary: record({
      kind: constant("jump"),
      ms: constantFrom(-HOUR, -400 * second, -2 * second, 2 * second, 11 * second, 61 * second, HOUR, 25 * HOUR),
    }),
  },
  {
    weight: 1,
    arbitrary: record({
      kind: constant("user"),
      home: constantFrom("/home/jo", "/home/kim"),
      user: constantFrom(-1, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: record({
      kind: constant("cache"),
      mood: constantFrom<CacheMood[]>("good", "asynchronous", "slow", "throws", "hangs", "forgets", "garbage"),
    }),
  },
  { weight: 1, arbitrary: newInstance },
);

/** A failure after which a later credential may be used only temporarily. */
const doubt: Arbitrary<Step> = oneof(
  ...(["probe: 500", "probe: 503", "imds: 400 Identity not found", "az: refused", "az: hangs", "pwsh: crash"] as const)
    .map(
      (label) => {
        const [target, name] = label.split(": ") as [Target, string];
        return record({ kind: constant("fault"), target: constant(target), name: constant(name), times });
      },
    ),
  record({
    kind: constant("foreign"),
    link: constantFrom("foreign one", "foreign two"),
    mood: constantFrom("unavailable", "required", "aggregate"),
  }),
);

/** A new program, failures, a call, a recovery or another change, and more calls with time in between. */
const episode: Arbitrary<Step[]> = fc.tuple(
  newInstance,
  fc.array(oneof(fault, doubt, doubt), { minLength: 1, maxLength: 2 }),
  makeCall,
  oneof(heal, heal, foreign, wait),
  oneof(wait, makeCall),
  fc.array(makeCall, { minLength: 1, maxLength: 3 }),
  wait,
  fc.array(makeCall, { minLength: 1, maxLength: 2 }),
).map((steps) => steps.flat());

const steps: Arbitrary<Step[]> = oneof(
  fc.array(step, { minLength: 1, maxLength: 12, size: "max" }),
  fc.tuple(fc.array(step, { maxLength: 3 }), episode, fc.array(step, { maxLength: 3 })).map((steps) => steps.flat()),
);

/** Draws scenarios with chains of a family. */
export function scenarioOf(family: Family): Arbitrary<Scenario> {
  return record({
    box,
    programs: fc.array(programOf(family), { minLength: 1, maxLength: 2 }),
    steps,
  });
}
