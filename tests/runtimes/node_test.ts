/**
 * The part of `node:test` that the tests use, for runtimes without it. Tests run one after another, in the order of
 * their registration.
 *
 * @module
 */

import type { Outcome, TestEvent } from "../../scripts/outcome.ts";

/** Options of a test or a group. */
export interface TestOptions {
  /** The reason why the test is skipped; `true` without a reason. */
  readonly skip?: boolean | string | undefined;
  /** Time limit in milliseconds. Default: four minutes. */
  readonly timeout?: number;
}

/** The argument of a test function. */
export interface TestContext {
  readonly name: string;
  /** Runs a subtest. Resolves when it has passed, failed or been skipped. */
  test(name: string, ...rest: Rest): Promise<void>;
  /** Counts the test as skipped. */
  skip(reason?: string): void;
  diagnostic(message: string): void;
}

export type Body = (context: TestContext) => unknown;
type Rest = [Body?] | [TestOptions, Body?];

/** Default time limit of a test, in milliseconds. */
const TEST_LIMIT_IN_MS = 240_000;

interface Case {
  readonly name: string;
  readonly options: TestOptions;
  readonly body: Body;
}

interface Group {
  readonly name: string;
  readonly members: (Case | Group)[];
  readonly befores: (() => unknown)[];
  readonly afters: (() => unknown)[];
  readonly beforeEaches: (() => unknown)[];
  readonly afterEaches: (() => unknown)[];
  /** The return value of the group's function. If it is a promise, members may be added until it is settled. */
  filled?: unknown;
}

/** The functions of the module, and one that runs the registered tests. */
export interface Runner {
  readonly test: Register;
  readonly describe: Register;
  before(hook: () => unknown): void;
  after(hook: () => unknown): void;
  beforeEach(hook: () => unknown): void;
  afterEach(hook: () => unknown): void;
  /** Loads one file after another and runs its tests. Reports each event as soon as it happens. */
  run(
    files: Readonly<Record<string, () => Promise<unknown>>>,
    onEvent?: (event: TestEvent) => void,
  ): Promise<Outcome[]>;
}

export interface Register {
  (name: string, ...rest: Rest): Promise<void>;
  skip(name: string, ...rest: Rest): Promise<void>;
}

/** Creates an independent set of functions. */
export function createRunner(): Runner {
  const outcomes: Outcome[] = [];
  let emit: (event: TestEvent) => void = () => {};
  /** The reasons of rejections that are not handled so far, by promise. */
  const unhandled = new Map<unknown, unknown>();
  let openGroup: Group | undefined;

  function currentGroup(): Group {
    if (!openGroup) throw new Error("Cannot register a test while tests run: use the test function of the context");
    return openGroup;
  }

  function addTest(name: string, options: TestOptions, body: Body): void {
    currentGroup().members.push({ name, options, body });
  }

  function addGroup(name: string, options: TestOptions, fill: Body): void {
    if (options.skip) return addTest(name, options, fill);
    const parent = currentGroup();
    const group = createGroup(name);
    parent.members.push(group);
    openGroup = group;
    try {
      group.filled = fill({} as TestContext);
    } finally {
      openGroup = parent;
    }
  }

  async function runGroup(group: Group, path: string[], outer: Group[]): Promise<void> {
    const groups = [...outer, group];
    await group.filled;
    try {
      for (const hook of group.befores) await hook();
      for (const member of group.members) {
        if ("members" in member) await runGroup(member, [...path, member.name], groups);
        else await runCase(member, [...path, member.name], groups);
      }
      for (const hook of group.afters) await hook();
    } catch (error) {
      report(path, "failed", describeError(error));
    }
  }

  async function runCase({ options, body, name }: Case, path: string[], groups: Group[]): Promise<void> {
    if (options.skip) return report(path, "skipped", typeof options.skip === "string" ? options.skip : "");
    emit({ begin: path.join(" > ") });
    const subtests: Promise<void>[] = [];
    let skipped: string | undefined;
    const context: TestContext = {
      name,
      test(name, ...rest) {
        const sub = createCase(name, rest);
        const last = subtests.at(-1) ?? Promise.resolve();
        subtests.push(last.then(() => runCase(sub, [...path, name], groups)));
        return subtests.at(-1)!;
      },
      skip: (reason = "") => void (skipped = reason),
      diagnostic() {},
    };
    try {
      for (const hook of groups.flatMap(({ beforeEaches }) => beforeEaches)) await hook();
      await withTimeout(async () => void await body(context), options.timeout ?? TEST_LIMIT_IN_MS);
      for (const hook of groups.toReversed().flatMap(({ afterEaches }) => afterEaches)) await hook();
      await Promise.all(subtests);
      await new Promise((resolve) => setTimeout(resolve)); // An unhandled rejection is reported after the microtasks.
      for (const [promise, reason] of unhandled) {
        unhandled.delete(promise);
        throw new Error("A rejection was not handled", { cause: reason });
      }
    } catch (error) {
      return report(path, "failed", describeError(error));
    }
    if (skipped !== undefined) return report(path, "skipped", skipped);
    if (subtests.length === 0) report(path, "passed");
  }

  function report(path: string[], status: Outcome["status"], message?: string): void {
    const outcome = { name: path.join(" > "), status, ...message !== undefined && { message } };
    outcomes.push(outcome);
    emit({ end: outcome });
  }

  return {
    test: register(addTest),
    describe: register(addGroup),
    before: (hook) => void currentGroup().befores.push(hook),
    after: (hook) => void currentGroup().afters.push(hook),
    beforeEach: (hook) => void currentGroup().beforeEaches.push(hook),
    afterEach: (hook) => void currentGroup().afterEaches.push(hook),
    async run(files, onEvent = () => {}) {
      emit = onEvent;
      function keep(event: PromiseRejectionEvent): void {
        event.preventDefault?.(); // Events of the edge VM lack this method.
        unhandled.set(event.promise, event.reason);
      }
      function drop({ promise }: PromiseRejectionEvent): void {
        unhandled.delete(promise);
      }
      globalThis.addEventListener?.("unhandledrejection", keep);
      globalThis.addEventListener?.("rejectionhandled", drop);
      for (const [file, load] of Object.entries(files)) {
        emit({ file });
        const group = openGroup = createGroup(file);
        try {
          await load();
        } catch (error) {
          report([file], "failed", describeError(error));
        }
        openGroup = undefined;
        await runGroup(group, [file], []);
      }
      globalThis.removeEventListener?.("unhandledrejection", keep);
      globalThis.removeEventListener?.("rejectionhandled", drop);
      return outcomes.splice(0);
    },
  };
}

function createGroup(name: string): Group {
  return { name, members: [], befores: [], afters: [], beforeEaches: [], afterEaches: [] };
}

function createCase(name: string, rest: Rest): Case {
  const [options, body] = typeof rest[0] === "object" ? rest : [{}, rest[0]];
  return { name, options: options as TestOptions, body: (body as Body | undefined) ?? (() => {}) };
}

function register(add: (name: string, options: TestOptions, body: Body) => void): Register {
  function registerOne(extra: TestOptions, name: string, rest: Rest): Promise<void> {
    const { options, body } = createCase(name, rest);
    add(name, { ...options, ...extra }, body);
    return Promise.resolve();
  }
  return Object.assign((name: string, ...rest: Rest) => registerOne({}, name, rest), {
    skip: (name: string, ...rest: Rest) => registerOne({ skip: true }, name, rest),
  });
}

async function withTimeout(body: () => Promise<void>, timeoutInMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test did not end within ${timeoutInMs} ms`)), timeoutInMs);
  });
  await Promise.race([body(), timeout]).finally(() => clearTimeout(timer));
}

function describeError(error: unknown): string {
  const { name, message, stack = "", cause } = Object(error) as Error;
  const head = message === undefined ? String(error) : `${name}: ${message}`;
  const text = stack.includes(message) ? stack : `${head}\n${stack}`;
  return cause === undefined ? text : `${text}\ncaused by ${describeError(cause)}`;
}

const own = createRunner();

export const test: Register = own.test;
export const describe: Register = own.describe;
export const before: Runner["before"] = own.before;
export const after: Runner["after"] = own.after;
export const beforeEach: Runner["beforeEach"] = own.beforeEach;
export const afterEach: Runner["afterEach"] = own.afterEach;
export const run: Runner["run"] = own.run;
export { describe as suite, test as it };
export default test;
