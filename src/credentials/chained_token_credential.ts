import { createChain } from "../core/create_chain.ts";
import type { GetToken } from "../core/create_get_token.ts";
import { sleep } from "../core/sleep.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/**
 * Several credentials, tried in order until one gives a token; that one is asked alone from then on. A credential that is unavailable is
 * passed over; one that is configured and refused ends the chain with its error.
 *
 * @example
 * ```ts
 * import { ChainedTokenCredential, ClientSecretCredential, EnvironmentCredential } from "@azweb/identity";
 *
 * const credential = new ChainedTokenCredential(
 *   new EnvironmentCredential(),
 *   new ClientSecretCredential("my-tenant-id", "my-client-id", "my-secret"),
 * );
 * ```
 */
export class ChainedTokenCredential implements TokenCredential {
  readonly #getToken: GetToken;

  /**
   * Checks the arguments; sends nothing.
   *
   * @param sources The credentials, in order. Those of `@azure/identity` and your own fit too.
   * @throws {TypeError} There is none, or one is no credential.
   */
  constructor(...sources: TokenCredential[]) {
    if (sources.length === 0) throw new TypeError("ChainedTokenCredential needs at least one credential");
    const links = sources.map((credential, index) => {
      if (typeof credential?.getToken === "function") return { name: `credential ${index + 1}`, credential };
      throw new TypeError(
        `Argument ${index + 1} of ChainedTokenCredential must be a credential, with a method "getToken"`,
      );
    });
    this.#getToken = createChain("ChainedTokenCredential", links, {
      ...{ log() {}, now: Date.now, sleep },
      isSearch: true,
    });
  }

  /**
   * Returns a token of the first credential that gives one.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AggregateAuthenticationError} No credential is available. Its `errors` say why, in order.
   * @throws The error of a credential that is configured and refused.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return this.#getToken(scopes, options);
  }
}
