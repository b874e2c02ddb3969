/**
 * `AzurePipelinesCredential` authenticates a job of Azure Pipelines with a service connection and workload identity
 * federation.
 *
 * @example
 * ```ts no-eval
 * import { AzurePipelinesCredential } from "@azweb/identity/azure-pipelines-credential";
 *
 * declare const accessToken: string;
 * const credential = new AzurePipelinesCredential("my-tenant-id", "my-client-id", "my-connection-id", accessToken);
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { checkClientId, checkPositional, checkText } from "../core/validate.ts";
import { createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { createSource } from "../federation/create_source.ts";
import { OIDC_REQUEST_URI, pipelinesSpec } from "../federation/from_azure_pipelines.ts";
import { assertionAuth } from "../entra/client_auth.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AzurePipelinesCredential}. */
export type AzurePipelinesCredentialOptions = CredentialOptions;

/**
 * Authenticates a job of Azure Pipelines with a service connection and workload identity federation: the OIDC token of
 * the job is exchanged, so that no secret is stored.
 *
 * @example In a step that maps `$(System.AccessToken)` to `SYSTEM_ACCESSTOKEN`
 * ```ts no-eval
 * import { AzurePipelinesCredential } from "@azweb/identity";
 * import process from "node:process";
 *
 * const { env } = process;
 * const credential = new AzurePipelinesCredential(
 *   env.AZURE_TENANT_ID!,
 *   env.AZURE_CLIENT_ID!,
 *   env.AZURE_SERVICE_CONNECTION_ID!,
 *   env.SYSTEM_ACCESSTOKEN!,
 * );
 * ```
 *
 * @see https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
 */
export class AzurePipelinesCredential implements TokenCredential {
  /**
   * Validates the arguments. Sends nothing.
   *
   * @param tenantId The tenant's id or domain name.
   * @param clientId The client id of the app or the managed identity of the service connection.
   * @param serviceConnectionId The service connection's id.
   * @param systemAccessToken The access token of the job, `$(System.AccessToken)`.
   * @param options See {@linkcode CredentialOptions}.
   * @throws {TypeError} An argument is missing or malformed.
   */
  constructor(
    tenantId: string,
    clientId: string,
    serviceConnectionId: string,
    systemAccessToken: string,
    options: AzurePipelinesCredentialOptions = {},
  ) {
    checkPositional(
      tenantId,
      "AzurePipelinesCredential(tenantId, clientId, serviceConnectionId, systemAccessToken, options)",
    );
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    checkText(serviceConnectionId, "serviceConnectionId");
    checkText(systemAccessToken, "systemAccessToken");
    for (const [argument, value] of Object.entries({ serviceConnectionId, systemAccessToken })) {
      // Azure Pipelines does not replace a reference to an unknown variable.
      if (!/\$\([^(]+\)/.test(value)) continue;
      throw new TypeError(
        `Argument "${argument}" must be a value, not the name of a variable: Map it in the "env:" of the step`,
      );
    }
    if (/[^\x20-\x7e]/.test(systemAccessToken)) {
      throw new TypeError('Argument "systemAccessToken" must be a token, of printable ASCII characters');
    }
    const name = "AzurePipelinesCredential";
    const settings = resolveSettings(options, name);
    // The settings are shared, so that cache identity and request agree on the variables.
    const getAssertion = createSource(pipelinesSpec({ serviceConnectionId, systemAccessToken }), options, settings);
    const clientAuth = assertionAuth(getAssertion);
    const acquire = createTokenClient({ name, clientId, clientAuth, type: "client_credentials" }, settings);
    const cacheIdentity =
      () => [clientId, serviceConnectionId, systemAccessToken, settings.env(OIDC_REQUEST_URI) ?? ""];
    setInternals(this, createGetToken({ name, tenantId, variables: APP_VARIABLES, cacheIdentity, acquire }, settings));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The variable `SYSTEM_OIDCREQUESTURI` is not set: the program does not run in
   * Azure Pipelines.
   * @throws {AuthenticationError} Azure Pipelines or Microsoft Entra rejects the request or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
