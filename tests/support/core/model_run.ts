/**
 * Runs scenarios against the real credentials, and compares each result with those that the model allows.
 *
 * @module
 */
import type { AccessToken, TokenCredential } from "@azweb/identity";
import { initialState, type Model, modelOf, type State, stretch, type Transition } from "./model_chain.ts";
import { withGlobals } from "./model_clock.ts";
import { createProgram, type Program, USERS } from "./model_programs.ts";
import type { CallStep, Scenario, Step } from "./model_scenario.ts";
import { createWorld, START, type World } from "./model_world.ts";

/** A result that the model does not allow. */
export class Counterexample extends Error {
  /** The allowed and the actual result, without the details of the scenario. */
  readonly kind: string;

  constructor(kind: string, details: string) {
    super(`${kind}\n${details}`);
    this.kind = kind;
  }
}

/** Statistics of many scenarios. */
export interface Counts {
  sequences: number;
  calls: number;
  readonly results: Map<string, number>;
  readonly faults: Map<string, number>;
  /** How often a chain selected a credential permanently. */
  permanentSelections: number;
  /** How often a chain selected a credential for a limited time. */
  temporarySelections: number;
}

/** Creates empty counts. */
export function createCounts(): Counts {
  return {
    sequences: 0,
    calls: 0,
    results: new Map(),
    faults: new Map(),
    permanentSelections: 0,
    temporarySelections: 0,
  };
}

/** Returns the counts as lines of text. */
export function describeCounts(
  { sequences, calls, permanentSelections, temporarySelections, ...maps }: Counts,
): string {
  const list = (map: ReadonlyMap<string, number>) =>
    [...map].sort(([a], [b]) => a.localeCompare(b)).map(([name, times]) => `${times} ${name}`).join(", ");
  return [
    `${sequences} sequences, ${calls} calls`,
    `${permanentSelections} permanent and ${temporarySelections} temporary selections`,
    `results: ${list(maps.results)}`,
    `failures: ${list(maps.faults)}`,
  ].join("\n  ");
}

/** A program of the scenario that is run. */
interface Running {
  readonly program: Program;
  readonly model: Model;
  credential: TokenCredential;
  /** The possible states of the chain. */
  states: readonly State[];
  /** The last token of the selected credential, by the arguments of the call. */
  readonly held: Map<string, Held>;
}

/** A token that the selected credential must return from its cache. */
interface Held {
  readonly token: string;
  readonly link: number;
  /** The time from which, and until which, a call may return it without waiting, in milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
}

const FIVE_MINUTES = 300_000;

/** Runs a scenario. Rejects with a `Counterexample` if a result is not allowed. */
export async function runScenario(scenario: Scenario, counts: Counts): Promise<void> {
  const world = createWorld(scenario.box);
  world.users.set("/home/jo", USERS["/home/jo"][0]).set("/home/kim", USERS["/home/kim"][0]);
  let running: Running[] = [];
  counts.sequences++;
  await withGlobals(world.clock.now, jitter(), async () => {
    running = scenario.programs.map((program) => {
      const model = modelOf(program);
      const states = [initialState(model)];
      return { program, model, credential: createProgram(program, world), states, held: new Map() };
    });
    for (const [index, step] of scenario.steps.entries()) {
      try {
        await run(step);
      } catch (error) {
        if (error instanceof Counterexample) {
          error.message += `\nSteps:\n  ${scenario.steps.slice(0, index + 1).map(describe).join("\n  ")}`;
        }
        throw error;
      }
      await world.clock.calm();
    }
  });
  for (const [label, times] of world.met) counts.faults.set(label, (counts.faults.get(label) ?? 0) + times);

  function programOf({ program }: { readonly program: number }): Running {
    return running[program % running.length]!;
  }

  async function run(step: Step): Promise<void> {
    const { clock, faults, foreign, users } = world;
    switch (step.kind) {
      case "call":
        return await makeCalls([step.call]);
      case "calls at once":
        return await makeCalls(step.calls);
      case "fault":
        return void faults.set(step.target, { name: step.name, left: step.times });
      case "heal":
        return step.target === "all" ? faults.clear() : void faults.delete(step.target);
      case "foreign":
        return void foreign.set(step.link, step.mood);
      case "wait":
        return await clock.advance(step.ms);
      case "jump":
        return clock.jump(step.ms);
      case "user": {
        const user = USERS[step.home][step.user];
        if (users.get(step.home) !== user) world.changes.set(step.home, clock.now());
        for (const { held } of running) held.clear();
        return user === undefined ? void users.delete(step.home) : void users.set(step.home, user);
      }
      case "cache":
        world.cacheMood = step.mood;
        return;
      case "new instance": {
        const one = programOf(step);
        one.credential = createProgram(one.program, world);
        one.states = [initialState(one.model)];
        one.held.clear();
      }
    }
  }

  /** Makes concurrent calls of one program, which is that of the first call. */
  async function makeCalls(calls: readonly CallStep[]): Promise<void> {
    const one = programOf(calls[0]!);
    const start = world.clock.now();
    const serial = world.issued.length;
    const transitions = calls.map((call) => (states: readonly State[]) => transitionsOf(one, states, call, world));
    // A concurrent call may begin in the state after any of the others.
    let reachable = one.states;
    const rounds = calls.map(() =>
      reachable = unique([...reachable, ...transitions.flatMap((next) => next(reachable).map(({ state }) => state))])
    );
    const before = calls.length === 1 ? one.states : rounds.at(-1)!;
    const allowed = transitions.map((next) => next(before));
    const made = await makeAll(one, calls, world);
    const end = world.clock.now();
    await world.clock.calm();
    const isBusy = world.pending() > 0;
    const after = calls.map((call, index) => {
      counts.calls++;
      const possible = allowed[index]!.filter((next) => isBusy || !next.isBusy);
      return judge({ call, made: made[index]!, possible, before, serial, start, one }, counts);
    });
    const next = calls.length === 1 ? after[0]! : [...before, ...after.flat()];
    const earlier = one.states;
    one.states = unique(next.map((state) => stretch(state, start, end)));
    if (calls.length === 1) checkHeld(one, earlier, calls[0]!, { ...made[0]!, start }, world);
  }
}

/** Checks that a call returns the cached token of the selected credential at once, and records the call's token. */
function checkHeld(
  { model, program, states, held }: Running,
  earlier: readonly State[],
  call: CallStep,
  { settled, start, end }: Made & { readonly start: number },
  { changes }: World,
): void {
  // For a second, the previous user still counts as signed in.
  if (start <= (changes.get(program.home) ?? -Infinity) + 1000) return;
  const link = states[0]?.serving?.link;
  const isSure = [...states, ...earlier].every(({ serving }) => (serving?.link ?? link) === link);
  if (program.cache !== "process" || !isSure || link === undefined) return held.clear();
  // A nested chain may select another credential, and a foreign credential has no cache.
  const { name, links: inner } = model.links[link]!;
  if (call.claims || inner.length > 0 || name.startsWith("foreign")) return;
  const key = JSON.stringify([call.scopes, call.tenantId, call.enableCae]);
  const known = held.get(key);
  const got = resultOf(settled);
  if (known && known.link === link && start > known.from && start < known.until && call.abortAfter !== 0) {
    if (got !== known.token) {
      throw new Counterexample("a cached token is not returned", `got: ${got}, not ${known.token}`);
    }
    if (end !== start) throw new Counterexample("a cached token is not returned at once", `waited: ${end - start} ms`);
  }
  if (!("value" in settled) || got === known?.token) return;
  const until = (settled.value as AccessToken).expiresOnTimestamp - FIVE_MINUTES - 1000;
  held.set(key, { token: got, link, from: end - FIVE_MINUTES, until });
}

function transitionsOf(
  { model, program }: Running,
  states: readonly State[],
  call: CallStep,
  world: World,
): Transition[] {
  const context = { program, call, world, searches: true, isInDefault: false } as const;
  return states.flatMap((state) => model.call(state, context));
}

type Settled = { readonly value: unknown } | { readonly error: unknown };

/** A call that has ended, with its times. */
interface Made {
  readonly settled: Settled;
  readonly end: number;
}

/** Makes concurrent calls. */
async function makeAll({ credential }: Running, calls: readonly CallStep[], { clock }: World): Promise<Made[]> {
  const aborts: [turn: number, abort: () => void][] = [];
  const promises = calls.map(({ abortAfter, claims, enableCae, scopes, tenantId, timeoutInMs }): Promise<Made> => {
    const controller = new AbortController();
    if (abortAfter === 0) controller.abort();
    else if (abortAfter !== undefined) aborts.push([abortAfter, () => controller.abort()]);
    const call = credential.getToken([...scopes], {
      ...tenantId !== undefined && { tenantId },
      ...claims && { claims: '{"access_token":{"nbf":{"essential":true}}}' },
      ...enableCae && { enableCae },
      ...abortAfter !== undefined && { abortSignal: controller.signal },
      ...timeoutInMs !== undefined && { requestOptions: { timeout: timeoutInMs } },
    });
    return call.then(
      (value) => ({ settled: { value }, end: clock.now() }),
      (error) => ({ settled: { error }, end: clock.now() }),
    );
  });
  let turns = 0;
  return await clock.settle(Promise.all(promises), () => {
    turns++;
    for (const [turn, abort] of aborts) {
      if (turn !== turns) continue;
      clock.touch();
      abort();
    }
  });
}

/** The arguments of {@linkcode judge}. */
interface Judged {
  readonly one: Running;
  readonly call: CallStep;
  readonly made: Made;
  readonly possible: readonly Transition[];
  readonly before: readonly State[];
  readonly serial: number;
  readonly start: number;
}

/** Returns the states after a call. Throws a `Counterexample` if its result is not allowed. */
function judge(judged: Judged, counts: Counts): readonly State[] {
  const { one: { program }, call, made: { settled, end }, possible, before, serial, start } = judged;
  const isAborted = "error" in settled && call.abortAfter !== undefined && nameOf(settled.error) === "AbortError";
  const isLate = "error" in settled && call.timeoutInMs !== undefined && nameOf(settled.error) === "TimeoutError";
  const got = isAborted ? "aborted" : isLate ? "timed out" : resultOf(settled);
  const label = labelOf(got);
  counts.results.set(label, (counts.results.get(label) ?? 0) + 1);

  function fail(rule: string): never {
    const reasons = possible.map(({ outcome }) =>
      `allowed: ${expected(outcome)} because ${outcome.why || "its request succeeds"}`
    );
    const details = [`got: ${got}`, ...new Set(reasons), `states: ${JSON.stringify(before)}`];
    if ("error" in settled) details.push(`error: ${settled.error}`);
    throw new Counterexample(
      `${typeof program.shape === "object" ? "chain" : program.shape}: ${rule}`,
      details.join("\n"),
    );
  }

  if (program.shape === "default" && call.timeoutInMs !== undefined && end - start > call.timeoutInMs) {
    fail('a call takes longer than "requestOptions.timeout"');
  }
  if (isAborted || isLate) return [...before, ...possible.map(({ state }) => state)];
  if ("value" in settled && settled.value) {
    const { token, expiresOnTimestamp } = settled.value as AccessToken;
    if (expiresOnTimestamp <= end) fail("a token that has expired");
    if (call.claims && Number(token.split("|")[3]) < serial) fail("a call with claims returns an old token");
  }
  const fitting = possible.filter(({ outcome }) => expected(outcome) === got);
  if (fitting.length === 0) fail(mixUp(got, possible) ?? `${summary(possible)} → got ${label}`);
  for (const { state: { serving } } of fitting.slice(0, 1)) {
    if (!serving || before.some((state) => state.serving?.link === serving.link)) continue;
    if (serving.sureUntil === Infinity) counts.permanentSelections++;
    else counts.temporarySelections++;
  }
  return fitting.map(({ state }) => state);
}

/** Returns a description of a token that differs from an allowed one in exactly one part, such as the user. */
function mixUp(got: string, possible: readonly Transition[]): string | undefined {
  const parts: [name: string, part: RegExp][] = [
    ["cloud", / at [^|]*/],
    ["user", /^(token \w+) \S+/],
    ["tenant", /\|[^|]*(?=\|)/],
    ["resource", /\|[^|]*$/],
  ];
  const [mixedUp] =
    parts.find(([, part]) =>
      possible.some(({ outcome }) =>
        outcome.kind === "token" && expected(outcome).replace(part, "$1") === got.replace(part, "$1")
      )
    ) ?? [];
  return mixedUp && `${/^token \S+/.exec(got)![0]} of another ${mixedUp}`;
}

/** Returns the first allowed result without details. Failures come before tokens. */
function summary([first]: readonly Transition[]): string {
  return first ? `${labelOf(expected(first.outcome))} (${first.outcome.why || "its request succeeds"})` : "nothing";
}

/** Returns a result without details. */
function labelOf(result: string): string {
  if (!result.startsWith("token ")) return result;
  const [who = ""] = result.slice("token ".length).split("|");
  return `token of ${who.startsWith("machine") ? who.replace(/ \S+$/, "") : who.split(" ")[0]}`;
}

function expected({ kind, token }: Transition["outcome"]): string {
  return kind === "token" ? `token ${token}` : kind === "fails" ? "AuthenticationError" : "unavailable";
}

function resultOf(settled: Settled): string {
  if ("error" in settled) {
    const name = nameOf(settled.error);
    return /^(CredentialUnavailable|AggregateAuthentication|AuthenticationRequired)Error$/.test(name)
      ? "unavailable"
      : name;
  }
  const { token } = settled.value as AccessToken;
  return `token ${token.split("|").slice(0, 3).join("|")}`;
}

function nameOf(error: unknown): string {
  return String((error as { name?: unknown } | undefined)?.name ?? error);
}

function unique(states: readonly State[]): readonly State[] {
  return states.length > 1 ? [...new Map(states.map((state) => [JSON.stringify(state), state])).values()] : states;
}

function describe(step: Step): string {
  return JSON.stringify(step, (_, value) => value === Infinity ? "always" : value);
}

/** Returns a replacement for `Math.random` with the same sequence in each scenario. */
function jitter(): () => number {
  let state = START % 2147483647;
  return () => (state = state * 48271 % 2147483647) / 2147483647;
}
