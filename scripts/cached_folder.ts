/**
 * Folders that are built once for each state of their sources.
 *
 * @module
 */

/** Maximum number of states in a cache. More than one, so that switching between branches does not rebuild. */
const MAX_STATES = 5;

/** What {@linkcode cachedFolder} accepts. */
export interface CachedFolderOptions {
  /** The folder that holds one folder for each state. */
  readonly cache: string;
  /** The digest of the state. */
  readonly digest: string;
  /** Writes the files to a folder. */
  readonly build: (folder: string) => Promise<void>;
}

/** Returns the path of the folder of a state. Builds the folder if it is not cached. */
export async function cachedFolder({ cache, digest, build }: CachedFolderOptions): Promise<string> {
  const path = `${cache}/${digest}`;
  const now = new Date();
  // Sets the time of the last use, by which `removeOldest` sorts.
  if (await Deno.utime(path, now, now).then(() => true, () => false)) return path;
  await Deno.mkdir(cache, { recursive: true });
  const unfinished = await Deno.makeTempDir({ dir: cache });
  try {
    await build(unfinished);
    // Another process may have built the same folder meanwhile.
    await Deno.rename(unfinished, path).catch(() => Deno.stat(path));
  } finally {
    await Deno.remove(unfinished, { recursive: true }).catch(() => {});
  }
  await removeOldest(cache);
  return path;
}

/** Returns a digest of a value's JSON. */
export async function digestOf(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return hexOf(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 32);
}

/** Returns bytes as hexadecimal digits. */
export function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function removeOldest(cache: string): Promise<void> {
  const entries = await Promise.all((await Array.fromAsync(Deno.readDir(cache))).map(async ({ name }) => {
    const path = `${cache}/${name}`;
    return { path, time: Number((await Deno.stat(path).catch(() => undefined))?.mtime ?? 0) };
  }));
  for (const { path } of entries.sort((a, b) => b.time - a.time).slice(MAX_STATES)) {
    await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}
