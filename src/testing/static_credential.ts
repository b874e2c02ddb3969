import type { AccessToken, TokenCredential } from "../token_credential.ts";

/** What {@linkcode StaticCredential} accepts. */
export interface StaticCredentialOptions {
  /** When the token ends, in milliseconds since the epoch. Default: never, which is the last moment that a `Date` can hold. */
  readonly expiresOnTimestamp?: number;
}

const GET_TOKEN = /* @__PURE__ */ Symbol("getToken");
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
  /** Takes the token. Throws a `TypeError` if there is none. */
  constructor(token: string, options: StaticCredentialOptions = {}) {
    if (typeof token !== "string" || !token) throw new TypeError('"token" must be a non-empty string');
    const found: AccessToken = {
      token,
      expiresOnTimestamp: options.expiresOnTimestamp ?? END_OF_TIME,
      tokenType: "Bearer",
    };
    // Not a private member, so that it is found behind a `Proxy`; in a closure, so that no inspection shows it.
    Object.defineProperty(this, GET_TOKEN, { value: () => Promise.resolve({ ...found }), configurable: true });
  }

  /** Returns the token. */
  getToken(): Promise<AccessToken> {
    return (this as unknown as Record<symbol, () => Promise<AccessToken>>)[GET_TOKEN]!();
  }
}
