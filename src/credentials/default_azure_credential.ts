/**
 * `DefaultAzureCredential` tries a fixed list of credentials, for deployed applications and for development, and uses
 * the first that returns a token.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential } from "@azweb/identity/default-azure-credential";
 *
 * const credential = new DefaultAzureCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { createChain } from "../core/chain.ts";
import type { GetToken } from "../core/get_token.ts";
import type { Link } from "../core/in_chain.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import type { CredentialExplanation } from "../credential_explanation.ts";
import type { AuthenticationError } from "../errors.ts";
import type { DefaultAzureCredentialClientIdOptions, DefaultAzureCredentialResourceIdOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { type ChainOptions, explainRow, FEDERATED, requireSelection, SELECTION, selectRows } from "./default_chain.ts";

export type {
  DefaultAzureCredentialClientIdOptions,
  DefaultAzureCredentialOptions,
  DefaultAzureCredentialResourceIdOptions,
} from "../options.ts";

/** The names of environment variables for `requiredEnvVars` in `@azure/identity`. Here, the option accepts any name. */
export type DefaultAzureCredentialEnvVars =
  | "AZURE_TOKEN_CREDENTIALS"
  | "AZURE_TENANT_ID"
  | "AZURE_CLIENT_ID"
  | "AZURE_CLIENT_SECRET"
  | "AZURE_CLIENT_CERTIFICATE_PATH"
  | "AZURE_CLIENT_CERTIFICATE_PASSWORD"
  | "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"
  | "AZURE_ADDITIONALLY_ALLOWED_TENANTS"
  | "AZURE_FEDERATED_TOKEN_FILE";

/** The functions behind the methods. */
interface Internals {
  readonly getToken: GetToken;
  readonly explain: () => Promise<readonly CredentialExplanation[]>;
}

const NAME = "DefaultAzureCredential";
/** The names of its options, without those that every credential has. */
const OPTIONS = "tenantId exclude includeInteractiveBrowser interactiveBrowserClientId loginHint requiredEnvVars " +
  "probeTimeoutInMs processTimeoutInMs managedIdentityClientId managedIdentityResourceId workloadIdentityClientId " +
  "browserCustomizationOptions";

/**
 * Tries a fixed list of credentials in order and uses the first that returns a token, so that the same code runs in
 * production and on a developer's machine:
 *
 * 1. `EnvironmentCredential`
 * 2. `WorkloadIdentityCredential`
 * 3. `ManagedIdentityCredential`
 * 4. `AzureCliCredential`
 * 5. `AzurePowerShellCredential`
 * 6. `AzureDeveloperCliCredential`
 * 7. `InteractiveBrowserCredential`, only with `includeInteractiveBrowser`
 *
 * Each credential has one of four outcomes:
 *
 * - Absent: it is not configured. The next one is tried. If all credentials before it are absent, the credential that
 *   returns a token is used for the lifetime of the instance.
 * - Inconclusive: the metadata service is not recognised or reports no identity, or a tool is signed in and fails. The
 *   next one is used until this one is tried again: after 10 s for a probe, after 60 s for a missing identity, when the
 *   token must be refreshed for a tool.
 * - Not for this call: a tool does not support an option of the call. The next one is used for this call only.
 * - Configured and failed, an outcome of the first three only: the chain ends with an `AuthenticationError`, so that
 *   the program never uses another identity.
 *
 * While the metadata service is probed, a signed-in Azure CLI is started in advance. Its token is used only if all
 * credentials before it are unavailable.
 *
 * The environment variable `AZURE_TOKEN_CREDENTIALS` restricts the list to `prod` (the first three), `dev` (the
 * others), or one credential by its name, ignoring case. The chain then does not probe for the metadata service.
 * `FederatedCredential`, a name that only this variable selects, authenticates the app of `AZURE_TENANT_ID` and
 * `AZURE_CLIENT_ID` with assertions of the platform: see `fromPlatform` of `@azweb/identity/federation`.
 *
 * @example
 * ```ts no-eval
 * import { DefaultAzureCredential } from "@azweb/identity";
 *
 * const credential = new DefaultAzureCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains
 */
export class DefaultAzureCredential implements TokenCredential {
  /**
   * Validates the options and `AZURE_TOKEN_CREDENTIALS`. Sends and starts nothing.
   *
   * @param options See {@linkcode DefaultAzureCredentialOptions}.
   * @throws {TypeError} An option or `AZURE_TOKEN_CREDENTIALS` is malformed, a required variable is not set, or no
   * credential remains.
   */
  constructor(options?: DefaultAzureCredentialClientIdOptions | DefaultAzureCredentialResourceIdOptions);
  constructor(options: ChainOptions = {}) {
    const settings = resolveSettings(options, NAME, OPTIONS);
    const missing = [options.requiredEnvVars ?? []].flat().filter((name) => !settings.env(name));
    if (missing.length > 0) {
      throw new TypeError(`Option "requiredEnvVars" names variables that are not set: ${missing.join(", ")}`);
    }
    const rows = selectRows(options, settings);
    const links = rows.map(({ name, create, canPrefetch }): Link => ({
      name,
      credential: { getToken: create(options, settings) },
      ...canPrefetch && { canPrefetch: () => canPrefetch(options, settings) },
    }));
    const isDiscovery = !settings.env(SELECTION)?.trim();
    const hint = async () =>
      isDiscovery ? (await import("../federation/platforms.ts")).describePlatform(settings.env) : undefined;
    const getToken = createChain(NAME, links, { ...settings, isDiscovery, hint });
    const isReadable = !settings.missingEnvPermission([SELECTION]);
    const internals: Internals = {
      getToken: isReadable ? getToken : () => requireSelection(NAME, rows, settings),
      async explain() {
        const explanations = await Promise.all(rows.map((row) => explainRow(row, options, settings)));
        const detail = await hint();
        if (detail) explanations.push({ credential: FEDERATED, state: "absent", detail });
        if (isReadable) return explanations;
        const { message } = await requireSelection(NAME, rows, settings).catch((error: AuthenticationError) => error);
        return [{ credential: NAME, state: "fails", detail: message.replace(`${NAME}: `, "") }, ...explanations];
      },
    };
    setInternals(this, internals);
  }

  /**
   * Returns the token of the first credential that returns one.
   *
   * @param scopes Scopes of the token, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}; `requestOptions.timeout` bounds the whole call.
   * @throws {AggregateAuthenticationError} No credential is available. Its message is a table of the credentials and
   * their outcomes, and its `errors` hold the reasons, in order.
   * @throws {AuthenticationError} A credential is configured and fails, or Deno may not read a variable that can change
   * the identity.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<Internals>(this).getToken(scopes, options);
  }

  /**
   * Explains the state of each credential, in order. Reads environment variables and checks whether files exist; sends
   * no request and starts no process.
   *
   * @example
   * ```ts no-eval
   * import { DefaultAzureCredential } from "@azweb/identity";
   *
   * console.table(await new DefaultAzureCredential().explain());
   * ```
   */
  explain(): Promise<readonly CredentialExplanation[]> {
    return internalsOf<Internals>(this).explain();
  }
}

/** Returns a {@linkcode DefaultAzureCredential} without options. */
export function getDefaultAzureCredential(): TokenCredential {
  return new DefaultAzureCredential();
}
