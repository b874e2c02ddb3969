/**
 * Measures the use of regular expressions, so that a test can check that work is bounded without measuring time. Runs
 * on every runtime.
 *
 * @module
 */

/** The use of regular expressions and JSON. */
export interface RegExpUse {
  /** The length of the longest text that a regular expression processed. */
  readonly longest: number;
  /** The regular expression that processed the longest text. */
  readonly longestSource: string;
  /** Number of texts that each regular expression processed, by its source. */
  readonly counts: ReadonlyMap<string, number>;
  /** Number of times that JSON was parsed, because a failed attempt is expensive. */
  readonly parses: number;
}

const METHODS = ["exec", "test", Symbol.match, Symbol.matchAll, Symbol.replace, Symbol.search, Symbol.split] as const;

type Method = (this: RegExp, text: string, ...rest: unknown[]) => unknown;

/**
 * Runs work and counts its use of regular expressions. No other work may run at the same time, because the counters are
 * in the global prototypes.
 */
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
        // The methods call each other. Only the outer call counts.
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
