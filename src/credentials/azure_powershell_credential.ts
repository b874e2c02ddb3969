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
 * Whoever is signed in with Azure PowerShell (`Connect-AzAccount`) on this machine: PowerShell 7, or Windows PowerShell 5.1, with the module
 * Az.Accounts, version 2.2.0 or newer. Tokens are remembered, and PowerShell is started again for another one only.
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
   * Checks the options; reads and starts nothing.
   *
   * @param options See {@linkcode DeveloperToolCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: AzurePowerShellCredentialOptions = {}) {
    const settings = resolveSettings(options);
    setInternals(this, createToolGetToken("AzurePowerShellCredential", { options, settings }, loadAzurePowerShell));
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}. With `claims`, the error has the command that signs in with them.
   * @throws {CredentialUnavailableError} PowerShell or its module is not installed, may not be run, takes too long, gives no token: nobody is
   * signed in.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
