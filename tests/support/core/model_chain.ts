/**
 * A chain as an automaton: which credential may be used, and until when. Where the rules allow several results, each is
 * a transition of its own.
 *
 * @module
 */
import { DEFAULT_CHAIN, type Program, type Shape } from "./model_programs.ts";
import { type Context, type Outcome, outcomesOf, UNTIL_RENEWAL } from "./model_outcomes.ts";

/** The credential that a chain has selected. */
interface Serving {
  readonly link: number;
  /** When it was selected, in milliseconds since the epoch. */
  readonly since: number;
  /** The time until which only it is used; `Infinity` if it was selected permanently. */
  readonly sureUntil: number;
  /**
   * The time from which earlier credentials must be tried again; `Infinity` if it was selected permanently or until its
   * token is refreshed.
   */
  readonly over: number;
  /** Whether it was selected until its token is refreshed. */
  readonly untilRenewal: boolean;
  /** Why it was selected, for the message of a failed test. */
  readonly why: string;
}

/**
 * The state of a credential: a leaf has none, and a chain has its selected credential and the states of its
 * credentials.
 */
export interface State {
  readonly serving?: Serving;
  readonly links: readonly State[];
}

/** A possible result of a call, and the state after it. */
export interface Transition {
  readonly outcome: Outcome;
  readonly state: State;
  /** Whether it is possible only until background work has ended. */
  readonly isBusy?: boolean;
}

/** A chain, or a leaf, which contains no other credentials. */
export interface Model {
  readonly name: string;
  readonly links: readonly Model[];
  /** Returns the possible results of a call. */
  call(state: State, context: Context): Transition[];
}

const LEAF: State = { links: [] };

/** Returns the model of a program's credential. */
export function modelOf(program: Program, shape: Shape = program.shape, isNested = false): Model {
  if (typeof shape === "object") {
    return chainOf("ChainedTokenCredential", shape.chain.map((link) => modelOf(program, link, true)), {
      searches: true,
      isInDefault: false,
    });
  }
  if (shape === "default") {
    const wanted = program.tokenCredentials;
    const members = DEFAULT_CHAIN.filter(([name], index) =>
      wanted === undefined || wanted === name || wanted === (index < 3 ? "prod" : "dev")
    );
    const searches = wanted === undefined || isNested && "maybe";
    return chainOf("DefaultAzureCredential", members.map(([, leaf]) => leafOf(leaf)), { searches, isInDefault: true });
  }
  return leafOf(shape);

  function leafOf(leaf: Exclude<Shape, object | "default">): Model {
    return {
      name: leaf,
      links: [],
      call: (_state, context) => outcomesOf(leaf, context).map((outcome) => ({ outcome, state: LEAF })),
    };
  }
}

/** Returns the state of a credential before its first call. */
export function initialState({ links }: Model): State {
  return { links: links.map(initialState) };
}

function chainOf(name: string, links: readonly Model[], where: Pick<Context, "searches" | "isInDefault">): Model {
  return { name, links, call };

  function call(state: State, outer: Context): Transition[] {
    const context = { ...outer, ...where };
    const { serving } = state;
    if (!serving) return walk(state, context);
    const direct = callLink(state, serving.link, context);
    const mayFail = direct.some(({ outcome }) => outcome.kind !== "token");
    const walks = () => walk(state, context);
    switch (phaseOf(serving, direct, context)) {
      case "for good": {
        const isException = direct.some(({ outcome }) => outcome.kind === "not for this call");
        return isException ? [...direct, ...walks().map((next) => withServing(next, serving))] : direct;
      }
      case "interim":
        return mayFail ? [...direct, ...keeping(walks(), serving)] : direct;
      case "either":
        return [...direct, ...keeping(walks(), serving)];
      case "over": {
        // A cached token is returned at once, and the earlier credentials are tried in the background.
        const { clock, issued } = outer.world;
        const known = new Set(issued.filter(({ expiresOn }) => expiresOn > clock.now()).map(({ key }) => key));
        const cached = direct.filter(({ outcome: { token } }) => token !== undefined && known.has(token));
        const all = keeping(walks(), serving);
        return [
          ...all,
          ...cached.flatMap(({ outcome }) => all.map((next) => ({ ...next, outcome }))),
          ...cached.map((next) => ({ ...next, isBusy: true })),
        ];
      }
    }
  }

  /** Uses only the selected credential. */
  function callLink(state: State, link: number, context: Context): Transition[] {
    return links[link]!.call(state.links[link]!, context).map((next) => ({
      ...next,
      state: { ...state, links: state.links.with(link, next.state) },
    }));
  }

  /** Tries the credentials in order, and selects one according to the failures of the earlier ones. */
  function walk(state: State, context: Context): Transition[] {
    const found: Transition[] = [];
    visit(0, state.links, [], false);
    return found;

    function visit(link: number, inner: readonly State[], failures: readonly Outcome[], isBusy: boolean): void {
      if (link === links.length) {
        found.push({ outcome: aggregate(failures), state: { links: inner }, isBusy });
        return;
      }
      for (const { outcome, state: next, ...rest } of links[link]!.call(inner[link]!, context)) {
        const busy = isBusy || rest.isBusy === true;
        const all = inner.with(link, next);
        if (outcome.kind === "fails") found.push({ outcome, state: { links: all }, isBusy: busy });
        else if (outcome.kind !== "token") visit(link + 1, all, [...failures, outcome], busy);
        else found.push({ outcome: withReason(outcome, failures), state: select(link, all, failures), isBusy: busy });
      }
    }

    function select(link: number, inner: readonly State[], failures: readonly Outcome[]): State {
      if (failures.some(({ kind }) => kind === "not for this call")) return { links: inner };
      const inconclusive = failures.filter(({ kind }) => kind === "inconclusive");
      const since = context.world.clock.now();
      const why = `${links[link]!.name} after ${describe(failures)}`;
      const sureFor = Math.min(...inconclusive.map(({ lasts }) => lasts![0]));
      const overIn = Math.min(...inconclusive.map(({ lasts }) => lasts![1]));
      const untilRenewal = inconclusive.some(({ lasts }) => lasts === UNTIL_RENEWAL);
      const serving = { link, since, sureUntil: since + sureFor, over: since + overIn, untilRenewal, why };
      return { serving, links: inner };
    }
  }
}

function withServing(next: Transition, serving: Serving): Transition {
  return { ...next, state: { ...next.state, serving } };
}

/** Keeps the selected credential for results that selected none, unless they are errors. */
function keeping(walks: readonly Transition[], serving: Serving): Transition[] {
  return walks.flatMap((next) =>
    next.state.serving || next.outcome.kind === "fails" ? [next] : [next, withServing(next, serving)]
  );
}

/** Returns the failure of a chain in which no credential returned a token. */
function aggregate(failures: readonly Outcome[]): Outcome {
  const why = describe(failures);
  if (failures.every(({ kind }) => kind === "absent")) return { kind: "absent", why };
  if (failures.some(({ kind }) => kind === "not for this call")) return { kind: "not for this call", why };
  const isUntilRenewal = failures.some(({ lasts }) => lasts === UNTIL_RENEWAL);
  return { kind: "inconclusive", lasts: isUntilRenewal ? UNTIL_RENEWAL : [0, 60_000], why };
}

function withReason(outcome: Outcome, failures: readonly Outcome[]): Outcome {
  return { ...outcome, why: outcome.why || `after ${describe(failures)}` };
}

function describe(failures: readonly Outcome[]): string {
  const reasons = failures.filter(({ kind }) => kind !== "absent").map(({ kind, why }) => `${kind} (${why})`);
  return reasons.length > 0 ? reasons.join(", ") : "absence";
}

/**
 * Returns how a call uses the selected credential: "for good" and "interim" mean that only it is used, permanently or
 * for now; "either", that earlier credentials may be tried first; "over", that they must be.
 */
function phaseOf(
  { since, sureUntil, over, untilRenewal }: Serving,
  direct: readonly Transition[],
  { world: { clock, issued } }: Context,
): "for good" | "interim" | "either" | "over" {
  const now = clock.now();
  if (sureUntil === Infinity) return "for good";
  if (now < since || now >= over) return "over";
  if (now < sureUntil) return "interim";
  if (!untilRenewal) return "either";
  const keys = new Set(direct.map(({ outcome }) => outcome.token));
  const last = issued.findLast(({ key }) => keys.has(key));
  return last && last.expiresOn <= now ? "over" : "either";
}

/**
 * Extends the end of a selection by the duration of the call in which it was made, because its time within the call is
 * unknown.
 */
export function stretch(state: State, start: number, end: number): State {
  const { serving, links } = state;
  return {
    ...serving && { serving: serving.since === start ? { ...serving, over: serving.over + end - start } : serving },
    links: links.map((link) => stretch(link, start, end)),
  };
}
