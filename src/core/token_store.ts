import type { TokenCache, TokenSet } from "../token_cache.ts";
import { isDue, isFresh } from "./freshness.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Settings } from "./settings.ts";

const PATIENCE_IN_MS = 1000;

const processMemory = createMemory();
const memories = new WeakMap<TokenCache, Memory>();

/** Where one credential finds and leaves its tokens. Fails in no way. */
export interface TokenStore {
  /** Returns the token, at once where that is possible. */
  find(key: string, now: number): TokenSet | undefined | Promise<TokenSet | undefined>;
  /** Remembers a token; resolves when an asynchronous cache has it, or has had its time. */
  save(key: string, token: TokenSet): Promise<void>;
}

/** Returns the store over `options.cache`, or over the memory of the process. */
export function createTokenStore(credential: string, settings: Settings): TokenStore {
  const { cache } = settings;
  if (cache === false) return { find: () => undefined, save: () => Promise.resolve() };
  if (cache === undefined) {
    return { find: processMemory.get, save: (key, token) => Promise.resolve(processMemory.set(key, token)) };
  }
  return createCacheStore(cache, credential, settings);
}

function createCacheStore(cache: TokenCache, credential: string, settings: Settings): TokenStore {
  // In front of an asynchronous cache, and in place of one that fails. A synchronous one is asked itself, each time: what its owner
  // deletes is gone.
  const front = memories.get(cache) ?? createMemory();
  memories.set(cache, front);
  let synchronous = false;

  function failed(operation: string): void {
    settings.log({
      event: "cache-failed",
      credential,
      message: `The cache failed to ${operation}: going on without it`,
    });
  }

  async function bounded<T>(work: PromiseLike<T>): Promise<T> {
    const done = new AbortController();
    const limit = settings.sleep(PATIENCE_IN_MS, done.signal).then(() => Promise.reject(new Error("Too slow")));
    limit.catch(() => {});
    try {
      return await Promise.race([work, limit]);
    } finally {
      done.abort();
    }
  }

  function judge(key: string, found: unknown): TokenSet | undefined {
    if (found === undefined || found === null) return undefined;
    if (isTokenSet(found)) return found;
    failed("return what was set");
    return front.get(key);
  }

  async function load(key: string, looking: PromiseLike<unknown>): Promise<TokenSet | undefined> {
    try {
      const found = judge(key, await bounded(looking));
      if (found) front.set(key, found);
    } catch {
      failed("get");
    }
    return front.get(key);
  }

  return {
    find(key, now) {
      if (!synchronous) {
        const remembered = front.get(key);
        if (remembered && isFresh(remembered, now) && !isDue(remembered, now)) return remembered;
      }
      try {
        const found: unknown = cache.get(key);
        if (isThenable(found)) return load(key, found);
        synchronous = true;
        return judge(key, found);
      } catch {
        failed("get");
        return front.get(key);
      }
    },
    async save(key, token) {
      try {
        const saving: unknown = cache.set(key, token);
        if (!isThenable(saving)) {
          if (synchronous) return;
          front.set(key, token);
        } else {
          front.set(key, token);
          await bounded(saving);
        }
      } catch {
        front.set(key, token);
        failed("set");
      }
    },
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function isTokenSet(value: unknown): value is TokenSet {
  const { token, expiresOnTimestamp, acquiredOnTimestamp, refreshAfterTimestamp } = value as Partial<TokenSet>;
  return typeof token === "string" && token !== "" && Number.isFinite(expiresOnTimestamp) &&
    Number.isFinite(acquiredOnTimestamp) &&
    (refreshAfterTimestamp === undefined || Number.isFinite(refreshAfterTimestamp));
}
