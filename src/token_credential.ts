/**
 * The types of a token credential. They are structurally the same as those of `@azure/core-auth`: every client of the
 * Azure SDK accepts the credentials of this library, and its chains accept every credential of `@azure/identity`.
 *
 * @module
 */

/** An access token. Send it to the API in the header `Authorization: Bearer <token>`. */
export interface AccessToken {
  /** The token itself. Opaque to clients; only the API that it is for should parse it. */
  readonly token: string;
  /** When the token expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  /** When the token should be refreshed, in milliseconds since the epoch. If absent, shortly before it expires. */
  readonly refreshAfterTimestamp?: number;
  /** The token type. The credentials of this library return `"Bearer"`. */
  readonly tokenType?: "Bearer" | "pop";
}

/** The part of `AbortSignal` that credentials use, and that the polyfill of `@azure/abort-controller` has. */
export interface AbortSignalLike {
  /** Whether the signal has fired. */
  readonly aborted: boolean;
  /** The reason of the abort, if the signal has one. */
  readonly reason?: unknown;
  /** Adds a listener for the abort. */
  addEventListener(
    type: "abort",
    listener: (this: AbortSignalLike, event: unknown) => unknown,
    options?: unknown,
  ): void;
  /** Removes a listener. */
  removeEventListener(
    type: "abort",
    listener: (this: AbortSignalLike, event: unknown) => unknown,
    options?: unknown,
  ): void;
}

/** Options of `getToken`. */
export interface GetTokenOptions {
  /** Rejects this call as soon as it fires. Other calls that wait for the same token are not affected. */
  abortSignal?: AbortSignalLike | undefined;
  /**
   * `timeout`: maximum duration of this call, in milliseconds. Other calls that wait for the same token are not
   * affected.
   */
  requestOptions?: { timeout?: number | undefined } | undefined;
  /**
   * Additional claims from a claims challenge, a JSON string. A call with claims always requests a new token, which
   * replaces the cached one.
   */
  claims?: string | undefined;
  /**
   * Whether the caller can handle claims challenges of continuous access evaluation (CAE).
   *
   * @default {false}
   */
  enableCae?: boolean | undefined;
  /**
   * The tenant to request the token from, instead of the credential's own. It must be in `additionallyAllowedTenants`.
   */
  tenantId?: string | undefined;
  /** Ignored. Exists for compatibility with clients of the Azure SDK. */
  tracingOptions?: object | undefined;
}

/** Acquires access tokens. */
export interface TokenCredential {
  /**
   * Returns an access token for the scopes, from the cache if it has not expired.
   *
   * @param scopes The scopes, such as `"https://storage.azure.com/.default"`: one, several separated by spaces, or an
   * array.
   * @param options See {@linkcode GetTokenOptions}.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null>;
}
