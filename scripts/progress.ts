/**
 * Follows a test run on a runtime: records the outcomes, the tests that have not ended and the cost of each file, and
 * decides when to cut the run, that is, to end it early.
 *
 * @module
 */
import { failure, type Outcome, type TestEvent } from "./outcome.ts";

/** The time without the end of a test after which a run is cut, in milliseconds. */
export const SILENCE_IN_MS = 300_000;

/** The time limit of a test, in milliseconds, on runtimes that can end a single test and continue with the others. */
export const TEST_LIMIT_IN_MS = 240_000;

/** The cost of a test file. */
export interface FileCost {
  /** Path relative to the root of the project; {@linkcode START} for the time before the first file. */
  readonly file: string;
  /** Processor time of the runtime and of the processes that it has started, in seconds; 0 if it is unknown. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/** Used instead of a file until the first one begins. */
export const START = "(start)";

/** Receives the events of a test run. */
export interface Progress {
  /** Assigns the cost of what follows to this file. */
  enterFile(path: string): void;
  /** The name begins with the file and the groups around the test: `"tests/cache_test.ts > cache > hit"`. */
  beginTest(name: string): void;
  /** Records an outcome and restarts the time limit of the run. */
  endTest(outcome: Outcome): void;
  /** Aborts if no test ends within the time limit. */
  readonly signal: AbortSignal;
  /** Ends the measurement. */
  stop(): Report;
}

/** What a {@linkcode Progress} has recorded. */
export interface Report {
  readonly costs: readonly FileCost[];
  /** The outcomes of the tests that have ended. If the run was cut, also a failure for each test that has not ended. */
  readonly outcomes: readonly Outcome[];
  /** Whether the run was cut, because no test ended within the time limit. */
  readonly isCut: boolean;
}

/** What {@linkcode followTests} accepts. */
export interface ProgressOptions {
  /** The program that runs the tests, for {@linkcode listUnfinished}. */
  readonly runner: string;
  /** Returns the processor time of the run so far, in seconds; `undefined` if it is unknown. */
  readonly cpuSeconds: () => number | undefined;
  /** Default: {@linkcode SILENCE_IN_MS}. */
  readonly silenceInMs?: number | undefined;
}

/** The minimum time between two measurements at the end of a test, in milliseconds. */
const MEASURE_INTERVAL_IN_MS = 500;

/** Functions that list the unfinished tests of a run, one for each run in progress. */
const runs = new Set<() => readonly string[]>();

/**
 * Returns the tests that have begun and not ended, of all runs in progress, each with the name of its runner. For a run
 * without such a test, returns its current file.
 */
export function listUnfinished(): string[] {
  return [...runs].flatMap((list) => list());
}

/** Follows the tests of a run. */
export function followTests({ runner, cpuSeconds, silenceInMs = SILENCE_IN_MS }: ProgressOptions): Progress {
  const silence = new AbortController();
  const begun = new Set<string>();
  const ended: Outcome[] = [];
  const costs: FileCost[] = [];
  let file = START;
  let lastEnd = performance.now();
  let fileStart = { cpu: 0, time: lastEnd };
  let lastCpu = 0;
  let lastMeasurement = 0;

  // Runs regularly, because a process that has ended can no longer be measured.
  function measure(): void {
    lastMeasurement = performance.now();
    lastCpu = cpuSeconds() ?? lastCpu;
    if (lastMeasurement - lastEnd > silenceInMs) silence.abort();
  }
  const timer = setInterval(measure, Math.min(1000, silenceInMs));

  function unfinished(): string[] {
    const names = [...begun];
    const tests = names.filter((name) => !names.some((other) => other.startsWith(`${name} > `)));
    return tests.length > 0 ? tests : [file];
  }
  const list = () => unfinished().map((name) => `${runner}: ${name}`);
  runs.add(list);

  function leaveFile(): void {
    measure();
    const time = performance.now();
    costs.push({ file, cpuSeconds: lastCpu - fileStart.cpu, seconds: (time - fileStart.time) / 1000 });
    fileStart = { cpu: lastCpu, time };
  }

  return {
    enterFile(path) {
      leaveFile();
      file = path;
    },
    beginTest: (name) => void begun.add(name),
    endTest(outcome) {
      begun.delete(outcome.name);
      ended.push(outcome);
      lastEnd = performance.now();
      if (lastEnd - lastMeasurement > MEASURE_INTERVAL_IN_MS) measure();
    },
    signal: silence.signal,
    stop() {
      clearInterval(timer);
      runs.delete(list);
      leaveFile();
      const isCut = silence.signal.aborted;
      const message = `The run was cut: no test has ended for ${silenceInMs / 1000} s, and this one has not ended`;
      const outcomes = [...ended, ...isCut ? unfinished().map((name) => failure(name, message)) : []];
      const isGroup = (name: string) => outcomes.some((other) => other.name.startsWith(`${name} > `));
      return { costs, outcomes: outcomes.filter(({ name }) => !isGroup(name)), isCut };
    },
  };
}

/**
 * Returns a function that receives a text in parts and passes each complete line to `onLine`, without its line break.
 * `onRest` receives the incomplete last line.
 */
export function byLine(
  onLine: (line: string) => void,
  onRest: (text: string) => void = () => {},
): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
    onRest(rest);
  };
}

/** Returns a function that receives {@linkcode TestEvent}s as lines of JSON. Other lines are ignored. */
export function readEvents(progress: Progress): (text: string) => void {
  return byLine((line) => {
    if (!line.startsWith("{")) return;
    const event: TestEvent = JSON.parse(line);
    if ("file" in event) progress.enterFile(event.file);
    else if ("begin" in event) progress.beginTest(event.begin);
    else progress.endTest(event.end);
  });
}
