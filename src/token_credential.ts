/**
 * What a credential is: something with a `getToken` method. Structurally the same as the types of `@azure/core-auth`, so every
 * client of the Azure SDK takes these credentials and every credential of `@azure/identity` can stand in a chain of this library.
 *
 * @module
 */

/** A token as it goes to an API: put `token` behind `Bearer ` in the `Authorization` header. */
export interface AccessToken {
  /** The access token. Opaque to everybody but the API it is for. */
  readonly token: string;
  /** When the token ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  /** From when on a new token should be asked for, in milliseconds since the epoch. Absent: not before it nearly ends. */
  readonly refreshAfterTimestamp?: number;
  /** How the token is presented. Always `"Bearer"` here. */
  readonly tokenType?: "Bearer" | "pop";
}

/** The part of `AbortSignal` that is used; the polyfill of `@azure/abort-controller` has it too. */
export interface AbortSignalLike {
  /** Whether the signal has fired. */
  readonly aborted: boolean;
  /** Why the signal fired, if the signal can tell. */
  readonly reason?: unknown;
  /** Registers a listener for the moment the signal fires. */
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

/** What one call of `getToken` can ask for. */
export interface GetTokenOptions {
  /** Rejects this call at once when it fires. Other callers that wait for the same token still get it. */
  abortSignal?: AbortSignalLike | undefined;
  /** `timeout`: how long this call waits, in milliseconds. Other callers are not affected. */
  requestOptions?: { timeout?: number | undefined } | undefined;
  /**
   * Additional claims as JSON text, as a claims challenge asks for them. A call with claims never gets a remembered token, and
   * its token replaces the remembered one.
   */
  claims?: string | undefined;
  /** Whether the caller can handle claims challenges of continuous access evaluation. Default: `false`. */
  enableCae?: boolean | undefined;
  /** The tenant to get the token from, instead of the credential's own; it must be in `additionallyAllowedTenants`. */
  tenantId?: string | undefined;
  /** Accepted, so that clients of the Azure SDK can pass it; not used. */
  tracingOptions?: object | undefined;
}

/** Anything that hands out access tokens. */
export interface TokenCredential {
  /**
   * Returns a token for the scopes, from memory while it is fresh.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`: one scope, several separated by spaces, or a list.
   * @param options See {@linkcode GetTokenOptions}.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null>;
}
