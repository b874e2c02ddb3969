import type { AccessToken } from "./token_credential.ts";

/** A cached token. Plain data that can be serialized to JSON. */
export interface TokenSet extends AccessToken {
  /** When the token request was sent, in milliseconds since the epoch. */
  readonly acquiredOnTimestamp: number;
}

/**
 * A cache for tokens, such as a `Map`. Every method may return a promise, so that it can be an adapter for a key-value
 * store.
 *
 * A synchronous cache is read by each call of `getToken`. The tokens of an asynchronous cache are also cached in
 * memory. If a cache throws, does not respond, or returns a malformed entry, a new token is requested and cached in
 * memory.
 *
 * Keys hold no secret, but values hold tokens: restrict access to the store. If a credential has objects as arguments
 * or options (a callback, a `CryptoKey`, a `fetch`) or signs in a user, its keys are valid in this process only, and
 * every process adds its own entries: let the entries of such a store expire.
 *
 * @example Share a cache between two credentials
 * ```ts
 * import { ClientSecretCredential, type TokenSet } from "@azweb/identity";
 *
 * const cache = new Map<string, TokenSet>();
 * const tenant = "11111111-2222-3333-4444-555555555555";
 * const a = new ClientSecretCredential(tenant, "app-a", "secret-a", { cache });
 * const b = new ClientSecretCredential(tenant, "app-b", "secret-b", { cache });
 * ```
 */
export interface TokenCache {
  /**
   * Returns the token for the key, or `undefined`.
   *
   * @param key The cache key.
   */
  get(key: string): TokenSet | undefined | Promise<TokenSet | undefined>;
  /**
   * Stores a token. The cache may evict it at any time, and should evict it when it expires.
   *
   * @param key The cache key.
   * @param value The token.
   */
  set(key: string, value: TokenSet): unknown;
  /**
   * Removes a token. Never called: a new token replaces the old one.
   *
   * @param key The cache key.
   */
  delete?(key: string): unknown;
}
