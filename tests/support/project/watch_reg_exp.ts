/**
 * Counts what regular expressions do, so that a test can tell bounded work from unbounded without a clock: portable.
 *
 * @module
 */

/** What the regular expressions did meanwhile. */
export interface RegExpUse {
  /** The length of the longest text that one was applied to. */
  readonly longest: number;
  /** Which regular expression that was. */
  readonly longestSource: string;
  /** How often one was applied to a text, by its source. */
  readonly counts: ReadonlyMap<string, number>;
  /** How often JSON was parsed: an attempt that fails costs much. */
  readonly parses: number;
}

const METHODS = ["exec", "test", Symbol.match, Symbol.matchAll, Symbol.replace, Symbol.search, Symbol.split] as const;

type Method = (this: RegExp, text: string, ...rest: unknown[]) => unknown;

/** Runs the work, to which no other may run beside, and returns what it returns and what regular expressions did meanwhile. */
export async function watchRegExp<T>(work: () => Promise<T>): Promise<{ result: T; use: RegExpUse }> {
  const prototype = RegExp.prototype as unknown as Record<string | symbol, Method>;
  const originals = METHODS.map((method) => Object.getOwnPropertyDescriptor(prototype, method)!);
  const counts = new Map<string, number>();
  let [longest, longestSource] = [0, ""];
  let depth = 0;
  let parses = 0;
  const { parse } = JSON;
  JSON.parse = (...args) => (parses++, parse(...args));
  METHODS.forEach((method, index) => {
    const original = originals[index]!.value as Method;
    Object.defineProperty(prototype, method, {
      ...originals[index],
      value(this: RegExp, text: string, ...rest: unknown[]) {
        // The methods call each other.
        if (depth === 0) {
          counts.set(this.source, (counts.get(this.source) ?? 0) + 1);
          const { length } = String(text);
          if (length > longest) [longest, longestSource] = [length, this.source];
        }
        depth++;
        try {
          return original.call(this, text, ...rest);
        } finally {
          depth--;
        }
      },
    });
  });
  try {
    const result = await work();
    return { result, use: { longest, longestSource, counts, parses } };
  } finally {
    JSON.parse = parse;
    METHODS.forEach((method, index) => Object.defineProperty(prototype, method, originals[index]!));
  }
}
