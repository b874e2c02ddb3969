/** Lets a test wait for a condition. */
export interface Watch {
  /** Checks the conditions again. Must be called after each change. */
  changed(): void;
  /** Resolves as soon as the condition is true. */
  until(condition: () => boolean): Promise<void>;
}

/** Creates a watch. */
export function createWatch(): Watch {
  const checks = new Set<() => void>();
  return {
    changed() {
      for (const check of checks) check();
    },
    until: (condition) =>
      new Promise((resolve) => {
        function check() {
          if (!condition()) return;
          checks.delete(check);
          resolve();
        }
        checks.add(check);
        check();
      }),
  };
}
