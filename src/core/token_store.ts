import type { TokenCache, TokenSet } from "../token_cache.ts";
import { withTimeout } from "./timeout.ts";
import { isDue, isFresh } from "./freshness.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Settings } from "./settings.ts";

const PATIENCE_IN_MS = 1000;
const PAUSE_IN_MS = 30_000;

const processMemory = /* @__PURE__ */ createMemory<TokenSet>();
const fronts = new WeakMap<TokenCache, Front>();

/** What stands in front of an asynchronous cache, and in place of one that fails. */
interface Front {
  readonly memory: Memory<TokenSet>;
  /** Whether the cache answers later. A synchronous one is asked itself, each time: what its owner deletes is gone. */
  asynchronous: boolean;
  /** Of which keys the last token has not arrived there, or not yet. */
  readonly unsaved: Memory<true>;
  /** Until when it is left alone, because it did not answer. */
  pausedUntil: number;
}

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
    const { get, set } = processMemory;
    return { find: get, save: (key, token) => Promise.resolve(set(key, token)) };
  }
  return createCacheStore(cache, credential, settings);
}

function createCacheStore(cache: TokenCache, credential: string, settings: Settings): TokenStore {
  const front = fronts.get(cache) ??
    { memory: createMemory<TokenSet>(), asynchronous: false, unsaved: createMemory<true>(), pausedUntil: -Infinity };
  const { memory, unsaved } = front;
  fronts.set(cache, front);

  function failed(operation: string): void {
    settings.log({
      event: "cache-failed",
      credential,
      message: `The cache failed to ${operation}: going on without it`,
    });
  }

  function bounded<T>(work: PromiseLike<T>): Promise<T> {
    return withTimeout(() => work, { sleep: settings.sleep, ms: PATIENCE_IN_MS, onTimeout: pause });
  }

  function pause(): Error {
    front.pausedUntil = settings.now() + PAUSE_IN_MS;
    return new Error("Too slow");
  }

  function isPaused(now: number): boolean {
    return now < front.pausedUntil && now >= front.pausedUntil - PAUSE_IN_MS;
  }

  function judge(key: string, found: unknown): TokenSet | undefined {
    if (found === undefined || found === null) return unsaved.get(key) && memory.get(key);
    if (isTokenSet(found)) return found;
    failed("return what was set");
    return memory.get(key);
  }

  async function load(key: string, looking: PromiseLike<unknown>): Promise<TokenSet | undefined> {
    try {
      const found = judge(key, await bounded(looking));
      const held = memory.get(key);
      // A slow look-up must not bring back what was replaced meanwhile.
      if (found && !(held && held.acquiredOnTimestamp > found.acquiredOnTimestamp)) memory.set(key, found);
    } catch {
      failed("get");
    }
    return memory.get(key);
  }

  return {
    find(key, now) {
      if (front.asynchronous || unsaved.get(key)) {
        const remembered = memory.get(key);
        if (remembered && isFresh(remembered, now) && !isDue(remembered, now)) return remembered;
      }
      if (isPaused(now)) return memory.get(key);
      try {
        const found: unknown = cache.get(key);
        if (!isThenable(found)) return judge(key, found);
        front.asynchronous = true;
        return load(key, found);
      } catch {
        failed("get");
        return memory.get(key);
      }
    },
    async save(key, token) {
      memory.set(key, token);
      unsaved.set(key, true);
      if (isPaused(settings.now())) return;
      try {
        const saving: unknown = cache.set(key, token);
        if (isThenable(saving)) await bounded(saving);
        unsaved.delete(key);
      } catch {
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
