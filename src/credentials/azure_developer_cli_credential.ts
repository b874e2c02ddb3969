/**
 * `AzureDeveloperCliCredential` authenticates as the account that is signed in to the Azure Developer CLI
 * (`azd auth login`).
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
 * Authenticates as the account that is signed in to the Azure Developer CLI (`azd auth login`) on this machine. Tokens
 * are cached, and `azd` runs only to acquire a new one.
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
   * Validates the options. Reads and starts nothing.
   *
   * @param options See {@linkcode DeveloperToolCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: AzureDeveloperCliCredentialOptions = {}) {
    const settings = resolveSettings(options, "AzureDeveloperCliCredential", "tenantId processTimeoutInMs");
    setInternals(this, createToolGetToken("AzureDeveloperCliCredential", { options, settings }, loadAzureDeveloperCli));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes Scopes of the token, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The Azure Developer CLI is not installed, may not be run, exceeds its time
   * limit, or returns no token, for example because no account is signed in.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
