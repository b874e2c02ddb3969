import type { AccessToken } from "./token_credential.ts";

/** A cached token: plain data that can be serialized as JSON. */
export interface TokenSet extends AccessToken {
  /** When the token request was sent, in milliseconds since the epoch. */
  readonly acquiredOnTimestamp: number;
}

/**
 * Stores tokens. A `Map` is a cache, and so is a small object around a key-value store: each method may return a promise.
 *
 * A synchronous cache is read at every call. Tokens of an asynchronous cache are also cached in memory. A cache that throws, hangs or returns
 * something else than it was given is skipped: the token is then requested again and cached in memory.
 *
 * Keys contain no secret, but values are tokens: store them where no other user can read them. The keys of a credential that was given objects (a
 * callback, a `CryptoKey`, a `fetch`), or by which a user signs in, are different in each process: let the entries of a shared cache expire.
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
  /** Returns the token of the key, or `undefined`. */
  get(key: string): TokenSet | undefined | Promise<TokenSet | undefined>;
  /** Stores a token. May discard it at any time, and should when it has expired. */
  set(key: string, value: TokenSet): unknown;
  /** Deletes a token. Never called. */
  delete?(key: string): unknown;
}
