import type { TokenCache, TokenSet } from "../token_cache.ts";
import { withTimeout } from "./timeout.ts";
import { isFresh, shouldRefresh } from "./freshness.ts";
import { createLruCache, type LruCache } from "./lru_cache.ts";
import { sanitize } from "./reason.ts";
import type { Settings } from "./settings.ts";
import { messageOf } from "./unknown_errors.ts";

const TIMEOUT_IN_MS = 1000;
const PAUSE_IN_MS = 30_000;

const processMemory = /* @__PURE__ */ createLruCache<TokenSet>();
const states = new WeakMap<TokenCache, CacheState>();

/** State of a cache of the user: an in-memory copy, and a circuit breaker for a cache that fails. */
interface CacheState {
  readonly memory: LruCache<TokenSet>;
  /**
   * Whether `get` returns promises. A synchronous cache is read at every call, so that a deleted token is not returned.
   */
  asynchronous: boolean;
  /** Keys whose latest token has not been written to the cache. */
  readonly pendingWrites: LruCache<true>;
  /** Until when the cache is not used, because it timed out. */
  pausedUntil: number;
}

/** Token cache as a credential sees it. Never throws: if the cache of the user fails, the memory is used. */
export interface TokenStore {
  /** Returns the cached token, if there is one; a promise only if an asynchronous cache has to be read. */
  find(key: string, now: number): TokenSet | undefined | Promise<TokenSet | undefined>;
  /** Stores a token. Resolves when an asynchronous cache has stored it, or has timed out. */
  save(key: string, token: TokenSet): Promise<void>;
}

/** Returns the store over `options.cache`, or over the memory of the process. */
export function createTokenStore(credential: string, settings: Settings): TokenStore {
  const { cache } = settings;
  if (cache === false) return { find: () => undefined, save: () => Promise.resolve() };
  if (cache === undefined) {
    const { get, set } = processMemory;
    return { find: get, save: (key, token) => Promise.resolve(set(key, token)) };
  }
  return createCacheStore(cache, credential, settings);
}

function createCacheStore(cache: TokenCache, credential: string, settings: Settings): TokenStore {
  const state = states.get(cache) ??
    {
      memory: createLruCache<TokenSet>(),
      asynchronous: false,
      pendingWrites: createLruCache<true>(),
      pausedUntil: -Infinity,
    };
  const { memory, pendingWrites } = state;
  states.set(cache, state);

  function failed(operation: string, error?: unknown): void {
    const reason = sanitize(messageOf(error));
    settings.log({
      event: "cache-failed",
      credential,
      message: `The cache failed to ${operation}${reason && `: ${reason}`}. The memory is used instead`,
    });
  }

  function bounded<T>(work: PromiseLike<T>): Promise<T> {
    return withTimeout(() => work, { sleep: settings.sleep, ms: TIMEOUT_IN_MS, onTimeout: pause });
  }

  function pause(): Error {
    state.pausedUntil = settings.now() + PAUSE_IN_MS;
    return new Error("The cache timed out");
  }

  function isPaused(now: number): boolean {
    return now < state.pausedUntil && now >= state.pausedUntil - PAUSE_IN_MS;
  }

  function validTokenOf(key: string, value: unknown): TokenSet | undefined {
    if (value === undefined || value === null) return pendingWrites.get(key) && memory.get(key);
    if (isTokenSet(value)) return value;
    failed("return a valid token");
    return memory.get(key);
  }

  async function load(key: string, lookup: PromiseLike<unknown>): Promise<TokenSet | undefined> {
    try {
      const loaded = validTokenOf(key, await bounded(lookup));
      const newer = memory.get(key);
      // A slow look-up must not restore a token that was replaced meanwhile.
      if (loaded && !(newer && newer.acquiredOnTimestamp > loaded.acquiredOnTimestamp)) memory.set(key, loaded);
    } catch (error) {
      failed("get", error);
    }
    return memory.get(key);
  }

  return {
    find(key, now) {
      if (state.asynchronous || pendingWrites.get(key)) {
        const cached = memory.get(key);
        if (cached && isFresh(cached, now) && !shouldRefresh(cached, now)) return cached;
      }
      if (isPaused(now)) return memory.get(key);
      try {
        const result: unknown = cache.get(key);
        if (!isThenable(result)) return validTokenOf(key, result);
        state.asynchronous = true;
        return load(key, result);
      } catch (error) {
        failed("get", error);
        return memory.get(key);
      }
    },
    async save(key, token) {
      memory.set(key, token);
      pendingWrites.set(key, true);
      if (isPaused(settings.now())) return;
      try {
        const saving: unknown = cache.set(key, token);
        if (isThenable(saving)) await bounded(saving);
        pendingWrites.delete(key);
      } catch (error) {
        failed("set", error);
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
