/**
 * `EnvironmentCredential` authenticates as the service principal or user that environment variables configure.
 *
 * @example
 * ```ts no-eval
 * import { EnvironmentCredential } from "@azweb/identity/environment-credential";
 *
 * const credential = new EnvironmentCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { lazyGetToken } from "../core/lazy_get_token.ts";
import { resolveSettings } from "../core/settings.ts";
import { createEnvironmentIdentity } from "./environment_identity.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode EnvironmentCredential}. */
export type EnvironmentCredentialOptions = CredentialOptions;

const NAME = "EnvironmentCredential";

/**
 * Authenticates as the service principal or the user that environment variables configure: `AZURE_TENANT_ID`,
 * `AZURE_CLIENT_ID`, and the first of these that is set:
 *
 * 1. `AZURE_CLIENT_SECRET`
 * 2. `AZURE_CLIENT_CERTIFICATE_PATH`, with `AZURE_CLIENT_CERTIFICATE_PASSWORD` and
 *    `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`
 * 3. `AZURE_USERNAME` and `AZURE_PASSWORD`
 *
 * `AZURE_ADDITIONALLY_ALLOWED_TENANTS` lists further tenants, separated by semicolons. `getToken` reads the variables
 * until it has returned a token.
 *
 * @example On Cloudflare Workers, with the bindings of the Worker
 * ```ts no-eval
 * import { EnvironmentCredential } from "@azweb/identity";
 *
 * export default {
 *   async fetch(_request: Request, env: Record<string, unknown>): Promise<Response> {
 *     const credential = new EnvironmentCredential({ env });
 *     const { token } = await credential.getToken("https://storage.azure.com/.default");
 *     return await fetch("https://myaccount.blob.core.windows.net/files/a.txt", {
 *       headers: { authorization: `Bearer ${token}`, "x-ms-version": "2025-01-05" },
 *     });
 *   },
 * };
 * ```
 */
export class EnvironmentCredential implements TokenCredential {
  /**
   * Validates the options. Reads and sends nothing.
   *
   * @param options See {@linkcode CredentialOptions}; `env` replaces the environment variables of the process.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: EnvironmentCredentialOptions = {}) {
    const settings = resolveSettings(options, NAME);
    setInternals(this, lazyGetToken(() => createEnvironmentIdentity(NAME, options, settings)));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes Scopes of the token, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The variables are not set.
   * @throws {AuthenticationError} A variable is malformed, may not be read, or names a file that cannot be read;
   * Microsoft Entra rejects the credentials or cannot be reached; or the tenant of `options` is not allowed.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
