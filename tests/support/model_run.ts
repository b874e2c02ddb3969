/**
 * Runs scenarios against the real credentials, and compares each result with those that the model allows.
 *
 * @module
 */
import type { AccessToken, TokenCredential } from "@azweb/identity";
import { initialState, type Model, modelOf, type State, stretch, type Transition } from "./model_chain.ts";
import { type Settled, withGlobals } from "./model_clock.ts";
import { createProgram, type Program, USERS } from "./model_programs.ts";
import type { CallStep, Scenario, Step } from "./model_scenario.ts";
import { createWorld, START, type World } from "./model_world.ts";

/** A result that the model does not allow. */
export class Counterexample extends Error {
  /** What was allowed and what came, without the particulars of the scenario. */
  readonly kind: string;

  constructor(kind: string, details: string) {
    super(`${kind}\n${details}`);
    this.kind = kind;
  }
}

/** What happened in many scenarios. */
export interface Counts {
  sequences: number;
  calls: number;
  readonly results: Map<string, number>;
  readonly faults: Map<string, number>;
  electedForGood: number;
  electedForAWhile: number;
}

/** Creates empty counts. */
export function createCounts(): Counts {
  return { sequences: 0, calls: 0, results: new Map(), faults: new Map(), electedForGood: 0, electedForAWhile: 0 };
}

interface Running {
  readonly program: Program;
  readonly model: Model;
  credential: TokenCredential;
  /** The states that the chain may be in. */
  states: readonly State[];
}

/** Runs a scenario. Rejects with a `Counterexample` where a result is not allowed. */
export async function runScenario(scenario: Scenario, counts: Counts): Promise<void> {
  const world = createWorld(scenario.box);
  world.users.set("/home/jo", USERS["/home/jo"][0]).set("/home/kim", USERS["/home/kim"][0]);
  const running = scenario.programs.map((program): Running => {
    const model = modelOf(program);
    return { program, model, credential: createProgram(program, world, () => {}), states: [initialState(model)] };
  });
  counts.sequences++;
  const told: string[] = [];
  await withGlobals(world.clock.now, jitter(), async () => {
    for (const step of scenario.steps) {
      told.push(describe(step));
      try {
        await run(step);
      } catch (error) {
        if (error instanceof Counterexample) error.message += `\nSteps:\n  ${told.join("\n  ")}`;
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
        return user === undefined ? void users.delete(step.home) : void users.set(step.home, user);
      }
      case "cache":
        world.cacheMood = step.mood;
        return;
      case "new instance": {
        const one = programOf(step);
        one.credential = createProgram(one.program, world, () => {});
        one.states = [initialState(one.model)];
      }
    }
  }

  /** Makes calls at the same time, of the first one's program. */
  async function makeCalls(calls: readonly CallStep[]): Promise<void> {
    const one = programOf(calls[0]!);
    const start = world.clock.now();
    const serial = world.issued.length;
    const transitions = calls.map((call) => (states: readonly State[]) => transitionsOf(one, states, call, world));
    // Calls at the same time may meet the states that the others leave, in any order.
    let reachable = one.states;
    const rounds = calls.map(() =>
      reachable = unique([...reachable, ...transitions.flatMap((next) => next(reachable).map(({ state }) => state))])
    );
    const before = calls.length === 1 ? one.states : rounds.at(-1)!;
    const allowed = transitions.map((next) => next(before));
    const settled = await Promise.all(calls.map((call) => makeCall(one, call, world)));
    const end = world.clock.now();
    await world.clock.calm();
    const isBusy = world.pending() > 0;
    const after = calls.map((call, index) => {
      counts.calls++;
      const possible = allowed[index]!.filter((next) => isBusy || !next.isBusy);
      return judge({ call, settled: settled[index]!, possible, before, serial, start, end, one }, world, counts);
    });
    const next = calls.length === 1 ? after[0]! : [...before, ...after.flat()];
    one.states = unique(next.map((state) => stretch(state, start, end)));
  }
}

function transitionsOf(
  { model, program }: Running,
  states: readonly State[],
  call: CallStep,
  world: World,
): Transition[] {
  const context = { program, call, world, searches: true, isInDefault: false } as const;
  return states.flatMap((state) => model.ask(state, context));
}

async function makeCall({ credential }: Running, call: CallStep, world: World): Promise<Settled> {
  const { abortAfter, claims, enableCae, scopes, tenantId, timeoutInMs } = call;
  const controller = new AbortController();
  let turns = 0;
  if (abortAfter === 0) controller.abort();
  const promise = credential.getToken([...scopes], {
    ...tenantId !== undefined && { tenantId },
    ...claims && { claims: '{"access_token":{"nbf":{"essential":true}}}' },
    ...enableCae && { enableCae },
    ...abortAfter !== undefined && { abortSignal: controller.signal },
    ...timeoutInMs !== undefined && { requestOptions: { timeout: timeoutInMs } },
  });
  return await world.clock.settle(promise, () => ++turns === abortAfter && controller.abort());
}

interface Judged {
  readonly one: Running;
  readonly call: CallStep;
  readonly settled: Settled;
  readonly possible: readonly Transition[];
  readonly before: readonly State[];
  readonly serial: number;
  readonly start: number;
  readonly end: number;
}

/** Returns the states after a call. Throws a `Counterexample` where its result is not allowed. */
function judge(judged: Judged, world: World, counts: Counts): readonly State[] {
  const { one: { program }, call, settled, possible, before, serial, start, end } = judged;
  const isAborted = "error" in settled && call.abortAfter !== undefined && nameOf(settled.error) === "AbortError";
  const isLate = "error" in settled && call.timeoutInMs !== undefined && nameOf(settled.error) === "TimeoutError";
  const got = isAborted ? "aborted" : isLate ? "timed out" : resultOf(settled);
  const label = got.startsWith("token") ? `token of ${got.split(/ |\|/)[1]}` : got;
  counts.results.set(label, (counts.results.get(label) ?? 0) + 1);

  function fail(rule: string): never {
    const details = [`got: ${got}`, ...expectations, `states: ${JSON.stringify(before)}`];
    if ("error" in settled) details.push(`error: ${(settled.error as Error)?.stack ?? settled.error}`);
    throw new Counterexample(
      `${typeof program.shape === "object" ? "chain" : program.shape}: ${rule}`,
      details.join("\n"),
    );
  }

  const expectations = [
    ...new Set(possible.map(({ outcome }) => `allowed: ${expected(outcome)} because ${outcome.why || "it is asked"}`)),
  ];
  if (program.shape === "default" && call.timeoutInMs !== undefined && end - start > call.timeoutInMs) {
    fail('a call takes longer than "requestOptions.timeout"');
  }
  if (isAborted || isLate) return [...before, ...possible.map(({ state }) => state)];
  if ("value" in settled && settled.value) {
    const { token, expiresOnTimestamp } = settled.value as AccessToken;
    if (expiresOnTimestamp <= end && world.clock.now() === end) fail("a token that has expired");
    if (call.claims && Number(token.split("|")[3]) < serial) fail("claims are answered by an old token");
  }
  const fitting = possible.filter(({ outcome }) => expected(outcome) === got);
  if (fitting.length === 0) fail(`${summary(possible)} → got ${label}`);
  for (const { state: { serving } } of fitting.slice(0, 1)) {
    if (!serving || before.some((state) => state.serving?.link === serving.link)) continue;
    if (serving.sureUntil === Infinity) counts.electedForGood++;
    else counts.electedForAWhile++;
  }
  return fitting.map(({ state }) => state);
}

/** Returns what was allowed, without particulars. */
function summary(possible: readonly Transition[]): string {
  const lines = possible.map(({ outcome }) => {
    const result = expected(outcome);
    const label = result.startsWith("token") ? `token of ${result.split(/ |\|/)[1]}` : result;
    return `${label} (${outcome.why || "asked"})`;
  });
  return [...new Set(lines)].sort().join(" or ");
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

function unique(states: readonly State[]): State[] {
  return [...new Map(states.map((state) => [JSON.stringify(state), state])).values()];
}

function describe(step: Step): string {
  return JSON.stringify(step, (_, value) => value === Infinity ? "always" : value);
}

/** Returns a sequence that is the same in each scenario, in place of random numbers. */
function jitter(): () => number {
  let state = START % 2147483647;
  return () => (state = state * 48271 % 2147483647) / 2147483647;
}
