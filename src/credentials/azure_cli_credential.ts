/**
 * `AzureCliCredential` authenticates as the account that is signed in to the Azure CLI (`az login`).
 *
 * @example
 * ```ts no-eval
 * import { AzureCliCredential } from "@azweb/identity/azure-cli-credential";
 *
 * const credential = new AzureCliCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { createToolGetToken } from "../developer_tools/create_tool_get_token.ts";
import { loadAzureCli } from "../developer_tools/load_tool.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AzureCliCredential}. */
export interface AzureCliCredentialOptions extends DeveloperToolCredentialOptions {
  /**
   * The id or the name of a subscription, whose tenant the token is requested from. By default `tenantId`, else the
   * tenant that the Azure CLI is signed in to.
   */
  subscription?: string | undefined;
}

/**
 * Authenticates as the account that is signed in to the Azure CLI (`az login`) on this machine.
 *
 * Tokens are cached, and `az` runs only to acquire a new one. A sign-in with another account takes effect within a
 * second if the file `azureProfile.json` may be read, otherwise when the token is refreshed.
 *
 * @example
 * ```ts no-eval
 * import { AzureCliCredential } from "@azweb/identity";
 *
 * const credential = new AzureCliCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/cli/azure/authenticate-azure-cli
 */
export class AzureCliCredential implements TokenCredential {
  /**
   * Validates the options. Reads and starts nothing.
   *
   * @param options See {@linkcode AzureCliCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: AzureCliCredentialOptions = {}) {
    const { subscription } = options;
    if (subscription && !/^(?! *$)[\w.][\w. -]*$/.test(subscription)) {
      throw new TypeError(
        'Option "subscription" must be the id of a subscription, or a name of letters, digits, spaces and "-_."',
      );
    }
    const settings = resolveSettings(options, "AzureCliCredential", "tenantId processTimeoutInMs subscription");
    setInternals(
      this,
      createToolGetToken(
        "AzureCliCredential",
        { options, settings },
        (context) => loadAzureCli(context, subscription || undefined),
      ),
    );
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}. With `claims`, the error names the command to sign in with them.
   * @throws {CredentialUnavailableError} The Azure CLI is not installed, may not be run, exceeds its time limit, or
   * returns no token, for example because no account is signed in.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
