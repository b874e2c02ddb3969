/** Waits for what others bring about. */
export interface Watch {
  /** Tells that something has changed. */
  changed(): void;
  /** Resolves as soon as it is so. */
  until(isSo: () => boolean): Promise<void>;
}

/** Makes a watch. */
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
