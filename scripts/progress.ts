/**
 * The tests of a runtime while they run: which of them have not ended, what each file costs, and when to give up.
 *
 * @module
 */
import { failure, type Outcome, type TestEvent } from "./outcome.ts";

/** How long no test may end before a run is cut, in milliseconds. */
export const SILENCE_IN_MS = 300_000;

/** How long one test may take on the runtimes that end it by themselves, in milliseconds. The other tests go on then. */
export const TEST_LIMIT_IN_MS = 240_000;

/** What a test file costs. */
export interface FileCost {
  /** From the root of the project; {@linkcode START} for all that comes before the first test. */
  readonly file: string;
  /** Processor time of the runtime and of all that it has started, in seconds; 0 where the system does not tell. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/** Stands in the place of a file until the first one begins. */
export const START = "(start)";

/** Receives what a runner tells of its tests. */
export interface Progress {
  /** The tests that follow are those of this file. */
  enterFile(path: string): void;
  /** The name begins with the file and the groups around the test: `"tests/cache_test.ts > cache > hit"`. */
  beginTest(name: string): void;
  /** Puts off the end of the run. */
  endTest(outcome: Outcome): void;
  /** Aborts when no test has ended for too long. */
  readonly signal: AbortSignal;
  /** Stops following. */
  stop(): Report;
}

/** What a {@linkcode Progress} has seen. */
export interface Report {
  readonly costs: readonly FileCost[];
  /** Of the tests that have ended. If the run was cut, a failure for each test that has not ended, too. */
  readonly outcomes: readonly Outcome[];
  readonly isCut: boolean;
}

/** What {@linkcode followTests} accepts. */
export interface ProgressOptions {
  /** Returns the processor time that the run has taken so far, in seconds; `undefined` where that is not known, or no longer. */
  readonly cpuSeconds: () => number | undefined;
  /** Default: {@linkcode SILENCE_IN_MS}. */
  readonly silenceInMs?: number | undefined;
}

/** How much time passes between two measurements while tests end, in milliseconds. */
const LOOK_INTERVAL_IN_MS = 500;

/** Follows the tests of a run. */
export function followTests({ cpuSeconds, silenceInMs = SILENCE_IN_MS }: ProgressOptions): Progress {
  const silence = new AbortController();
  const begun = new Set<string>();
  const ended: Outcome[] = [];
  const costs: FileCost[] = [];
  let file = START;
  let lastEnd = performance.now();
  let fileStart = { cpu: 0, time: lastEnd };
  let lastCpu = 0;
  let lastLook = 0;

  // Regularly, because a process that has ended can no longer be measured.
  function look(): void {
    lastLook = performance.now();
    lastCpu = cpuSeconds() ?? lastCpu;
    if (lastLook - lastEnd > silenceInMs) silence.abort();
  }
  const timer = setInterval(look, Math.min(1000, silenceInMs));

  function leaveFile(): void {
    look();
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
      if (lastEnd - lastLook > LOOK_INTERVAL_IN_MS) look();
    },
    signal: silence.signal,
    stop() {
      clearInterval(timer);
      leaveFile();
      const isCut = silence.signal.aborted;
      const unfinished = !isCut ? [] : begun.size > 0 ? [...begun] : [file];
      const message = `The run was cut: no test has ended for ${silenceInMs / 1000} s, and this one has not ended`;
      const outcomes = [...ended, ...unfinished.map((name) => failure(name, message))];
      const isGroup = (name: string) => outcomes.some((other) => other.name.startsWith(`${name} > `));
      return { costs, outcomes: outcomes.filter(({ name }) => !isGroup(name)), isCut };
    },
  };
}

/**
 * Returns what receives parts of a text, and hands on each line when it is complete, without its end. `onRest` receives what has come
 * of an incomplete line so far.
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

/** Returns what receives {@linkcode TestEvent}s, each as a line of JSON. Other lines are ignored. */
export function readEvents(progress: Progress): (text: string) => void {
  return byLine((line) => {
    if (!line.startsWith("{")) return;
    const event: TestEvent = JSON.parse(line);
    if ("file" in event) progress.enterFile(event.file);
    else if ("begin" in event) progress.beginTest(event.begin);
    else progress.endTest(event.end);
  });
}
