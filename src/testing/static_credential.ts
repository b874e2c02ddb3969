import { checkMembers } from "./check_members.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode StaticCredential}. */
export interface StaticCredentialOptions {
  /**
   * When the token expires, in milliseconds since the epoch. By default the latest time that a `Date` can represent.
   */
  readonly expiresOnTimestamp?: number;
}

const GET_TOKEN = /* @__PURE__ */ Symbol("getToken");
const LATEST_TIMESTAMP = 8_640_000_000_000_000;

/**
 * Returns the same token from each call, for tests, and for a token that was acquired by other means. It makes no
 * request and refreshes nothing.
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
  /**
   * Creates the credential.
   *
   * @param token The access token.
   * @param options See {@linkcode StaticCredentialOptions}.
   * @throws {TypeError} The token is not a non-empty string, or an option is unknown.
   */
  constructor(token: string, options: StaticCredentialOptions = {}) {
    if (typeof token !== "string" || !token) throw new TypeError('"token" must be a non-empty string');
    checkMembers(options, "option of StaticCredential", { expiresOnTimestamp: true });
    const result: AccessToken = {
      token,
      expiresOnTimestamp: options.expiresOnTimestamp ?? LATEST_TIMESTAMP,
      tokenType: "Bearer",
    };
    // A private member would be inaccessible through a `Proxy`. The closure hides the token from `console.log`.
    Object.defineProperty(this, GET_TOKEN, { value: () => Promise.resolve({ ...result }), configurable: true });
  }

  /**
   * Returns the token, for any scopes and options.
   *
   * @param _scopes Ignored.
   * @param _options Ignored.
   */
  getToken(_scopes?: string | string[], _options?: GetTokenOptions): Promise<AccessToken> {
    return (this as unknown as Record<symbol, () => Promise<AccessToken>>)[GET_TOKEN]!();
  }
}
