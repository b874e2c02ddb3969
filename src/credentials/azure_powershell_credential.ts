/**
 * `AzurePowerShellCredential` authenticates as the account that is signed in to Azure PowerShell (`Connect-AzAccount`).
 *
 * @example
 * ```ts no-eval
 * import { AzurePowerShellCredential } from "@azweb/identity/azure-powershell-credential";
 *
 * const credential = new AzurePowerShellCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { createToolGetToken } from "../developer_tools/create_tool_get_token.ts";
import { loadAzurePowerShell } from "../developer_tools/load_tool.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AzurePowerShellCredential}. */
export type AzurePowerShellCredentialOptions = DeveloperToolCredentialOptions;

/**
 * Authenticates as the account that is signed in to Azure PowerShell (`Connect-AzAccount`) on this machine. Tokens are
 * cached, and PowerShell runs only to acquire a new one.
 *
 * Requires PowerShell 7 or Windows PowerShell 5.1, with version 2.2.0 or newer of the module Az.Accounts.
 *
 * @example
 * ```ts no-eval
 * import { AzurePowerShellCredential } from "@azweb/identity";
 *
 * const credential = new AzurePowerShellCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/powershell/azure/authenticate-azureps
 */
export class AzurePowerShellCredential implements TokenCredential {
  /**
   * Validates the options. Reads and starts nothing.
   *
   * @param options See {@linkcode DeveloperToolCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: AzurePowerShellCredentialOptions = {}) {
    const settings = resolveSettings(options, "AzurePowerShellCredential", "tenantId processTimeoutInMs");
    setInternals(this, createToolGetToken("AzurePowerShellCredential", { options, settings }, loadAzurePowerShell));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}. With `claims`, the error names the command to sign in with them.
   * @throws {CredentialUnavailableError} PowerShell or its module is not installed, may not be run, exceeds its time
   * limit, or returns no token, for example because no account is signed in.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
