import type { AccessToken, TokenCredential } from "../token_credential.ts";

/** What {@linkcode StaticCredential} accepts. */
export interface StaticCredentialOptions {
  /** When the token ends, in milliseconds since the epoch. Default: never, which is the last moment that a `Date` can hold. */
  readonly expiresOnTimestamp?: number;
}

const END_OF_TIME = 8_640_000_000_000_000;

/**
 * Hands out one token, whatever it is asked for: in tests, and where a token was fetched by other means. Asks nobody and refreshes nothing.
 *
 * @example
 * ```ts
 * import { StaticCredential } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const credential = new StaticCredential("a-token");
 * const { token } = await credential.getToken();
 * assert.equal(token, "a-token");
 * ```
 */
export class StaticCredential implements TokenCredential {
  readonly #token: AccessToken;

  /** Takes the token. Throws a `TypeError` if there is none. */
  constructor(token: string, options: StaticCredentialOptions = {}) {
    if (typeof token !== "string" || !token) throw new TypeError('"token" must be a non-empty string');
    this.#token = { token, expiresOnTimestamp: options.expiresOnTimestamp ?? END_OF_TIME, tokenType: "Bearer" };
  }

  /** Returns the token. */
  getToken(): Promise<AccessToken> {
    return Promise.resolve({ ...this.#token });
  }
}
