import type { Settings } from "./settings.ts";

/**
 * Hands work to `waitUntil`, so that it continues after the response that started it. Returns whether there is a
 * `waitUntil`.
 */
export function keepAlive(work: Promise<unknown>, { waitUntil }: Pick<Settings, "waitUntil">): boolean {
  try {
    waitUntil?.(work.then(() => {}, () => {}));
    return waitUntil !== undefined;
  } catch {
    return false;
  }
}
