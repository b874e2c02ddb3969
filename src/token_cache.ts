import type { AccessToken } from "./token_credential.ts";

/** A token as it is remembered: plain data, safe to serialise as JSON. */
export interface TokenSet extends AccessToken {
  /** When the request for the token was sent, in milliseconds since the epoch. */
  readonly acquiredOnTimestamp: number;
}

/**
 * Where tokens are remembered. A `Map` is one; so is a small object around a key-value store, since every method may return a promise.
 *
 * A synchronous cache is asked at every call. What an asynchronous one returned is also kept in memory. A cache that throws, hangs or
 * returns something else than it was given is passed over: the token is then requested anew and kept in memory.
 *
 * Keys hold no secret, but values are tokens: keep them where nobody else can read them. Where a credential was given objects (a callback,
 * a `CryptoKey`, a `fetch`) or has a user sign in, its keys are good for this process alone, and another process leaves its own beside them:
 * give such a cache an end for its entries.
 *
 * @example One cache for two credentials
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
  /** Returns what was set for the key, or `undefined`. */
  get(key: string): TokenSet | undefined | Promise<TokenSet | undefined>;
  /** Remembers a token. May drop it at any time, and should when it ends. */
  set(key: string, value: TokenSet): unknown;
  /** Forgets a token. Not called so far: a token is replaced by its successor. */
  delete(key: string): unknown;
}
