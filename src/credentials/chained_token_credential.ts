/**
 * `ChainedTokenCredential` tries several credentials in order and uses the first that returns a token.
 *
 * @example
 * ```ts no-eval
 * import { ChainedTokenCredential } from "@azweb/identity/chained-token-credential";
 * import { EnvironmentCredential } from "@azweb/identity/environment-credential";
 * import { ManagedIdentityCredential } from "@azweb/identity/managed-identity-credential";
 *
 * const credential = new ChainedTokenCredential(new EnvironmentCredential(), new ManagedIdentityCredential());
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { createChain } from "../core/chain.ts";
import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { sleep } from "../core/sleep.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/**
 * Tries several credentials in order and uses the first that returns a token.
 *
 * A credential that is unavailable is skipped. If all skipped credentials are absent, the credential that returned the
 * token is used for the lifetime of the instance; if one is inconclusive, it is tried again later: see
 * {@linkcode UnavailableOutcome}. A credential that is configured and fails ends the chain with its error.
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
  /**
   * Validates the arguments. Sends nothing.
   *
   * @param sources The credentials, in order: those of this library, those of `@azure/identity`, and your own.
   * @throws {TypeError} There are no arguments, or one is not a credential.
   */
  constructor(...sources: TokenCredential[]) {
    if (sources.length === 0) throw new TypeError("ChainedTokenCredential needs at least one credential");
    const links = sources.map((credential, index) => {
      if (typeof credential?.getToken === "function") return { name: `credential ${index + 1}`, credential };
      const hint = Array.isArray(credential) ? ", not an array: Pass the credentials as separate arguments" : "";
      throw new TypeError(
        `Argument ${index + 1} of ChainedTokenCredential must be a credential, with a method "getToken"${hint}`,
      );
    });
    const getToken = createChain("ChainedTokenCredential", links, {
      ...{ now: Date.now, sleep, waitUntil: undefined },
      isDiscovery: true,
    });
    setInternals(this, getToken);
  }

  /**
   * Returns the token of the first credential that returns one.
   *
   * @param scopes Scopes of the token, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}; `requestOptions.timeout` bounds the whole call.
   * @throws {AggregateAuthenticationError} No credential is available. Its `errors` hold the reasons, in order.
   * @throws The error of a credential that is configured and fails.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
