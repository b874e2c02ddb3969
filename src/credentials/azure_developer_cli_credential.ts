/**
 * `AzureDeveloperCliCredential` authenticates as the account that is signed in to the Azure Developer CLI (`azd auth login`).
 *
 * @example
 * ```ts no-eval
 * import { AzureDeveloperCliCredential } from "@azweb/identity/azure-developer-cli-credential";
 *
 * const credential = new AzureDeveloperCliCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { createToolGetToken } from "../developer_tools/create_tool_get_token.ts";
import { loadAzureDeveloperCli } from "../developer_tools/load_tool.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AzureDeveloperCliCredential}. */
export type AzureDeveloperCliCredentialOptions = DeveloperToolCredentialOptions;

/**
 * Whoever is signed in with the Azure Developer CLI (`azd auth login`) on this machine. Tokens are remembered, and `azd` is started again
 * for another one only.
 *
 * @example
 * ```ts no-eval
 * import { AzureDeveloperCliCredential } from "@azweb/identity";
 *
 * const credential = new AzureDeveloperCliCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/azure/developer/azure-developer-cli/overview
 */
export class AzureDeveloperCliCredential implements TokenCredential {
  /**
   * Checks the options; reads and starts nothing.
   *
   * @param options See {@linkcode DeveloperToolCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: AzureDeveloperCliCredentialOptions = {}) {
    const settings = resolveSettings(options);
    setInternals(this, createToolGetToken("AzureDeveloperCliCredential", { options, settings }, loadAzureDeveloperCli));
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The Azure Developer CLI is not installed, may not be run, takes too long, gives no token: nobody is
   * signed in.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
