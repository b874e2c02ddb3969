/** Lets a test wait for a condition. */
export interface Watch {
  /** Checks the conditions again, after a change. */
  changed(): void;
  /** Resolves as soon as the condition is true. */
  until(isSo: () => boolean): Promise<void>;
}

/** Creates a watch. */
export function createWatch(): Watch {
  const looks = new Set<() => void>();
  return {
    changed() {
      for (const look of looks) look();
    },
    until: (isSo) =>
      new Promise((resolve) => {
        function look() {
          if (!isSo()) return;
          looks.delete(look);
          resolve();
        }
        looks.add(look);
        look();
      }),
  };
}
