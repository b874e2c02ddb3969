/**
 * What a runtime can do beyond the Web APIs. A member that is absent is a capability that is absent. Hand in members by
 * `options.runtime` to replace what the runtime has, or to add what it lacks.
 */
export interface Runtime {
  /** Returns the value of an environment variable. */
  env(name: string): string | undefined;
  /** Reads a text file. */
  readTextFile?(path: string): Promise<string>;
  /** The time, in milliseconds since the epoch. Default: `Date.now`. */
  now(): number;
  /** Resolves after a time in milliseconds; rejects with the signal's reason as soon as the signal fires. Default: `setTimeout`. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
