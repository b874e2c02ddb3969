/**
 * `AzurePipelinesCredential` authenticates a job of Azure Pipelines with a service connection and workload identity federation.
 *
 * @example
 * ```ts no-eval
 * import { AzurePipelinesCredential } from "@azweb/identity/azure-pipelines-credential";
 *
 * declare const systemAccessToken: string;
 * const credential = new AzurePipelinesCredential("my-tenant-id", "my-client-id", "my-connection-id", systemAccessToken);
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import { checkClientId, checkText } from "../core/validate.ts";
import { type Acquire, createGetToken, type GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { APP_VARIABLES } from "../core/require_variables.ts";
import { resolveSettings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { OIDC_REQUEST_URI, requestOidcToken } from "../federation/azure_pipelines.ts";
import { federatedTokenAuth } from "../federation/token_file.ts";
import { createTokenClient } from "../entra/token_client.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode AzurePipelinesCredential}. */
export type AzurePipelinesCredentialOptions = CredentialOptions;

/**
 * A service connection of Azure Pipelines with workload identity federation: the job's own token is exchanged, and no secret is stored.
 *
 * @example In a task that hands on `$(System.AccessToken)` as `SYSTEM_ACCESSTOKEN`
 * ```ts no-eval
 * import { AzurePipelinesCredential } from "@azweb/identity";
 * import process from "node:process";
 *
 * const { SYSTEM_ACCESSTOKEN, AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_SERVICE_CONNECTION_ID } = process.env as Record<string, string>;
 * const credential = new AzurePipelinesCredential(
 *   AZURE_TENANT_ID!,
 *   AZURE_CLIENT_ID!,
 *   AZURE_SERVICE_CONNECTION_ID!,
 *   SYSTEM_ACCESSTOKEN!,
 * );
 * ```
 *
 * @see https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity
 */
export class AzurePipelinesCredential implements TokenCredential {
  /**
   * Checks the arguments; sends nothing.
   *
   * @param tenantId The tenant's id or domain name.
   * @param clientId The client id of the service connection's app or identity.
   * @param serviceConnectionId The service connection's id.
   * @param systemAccessToken The job's token, `$(System.AccessToken)`.
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
    checkAppTenantId(tenantId);
    checkClientId(clientId);
    checkText(serviceConnectionId, "serviceConnectionId");
    checkText(systemAccessToken, "systemAccessToken");
    for (const [argument, value] of Object.entries({ serviceConnectionId, systemAccessToken })) {
      // How Azure Pipelines leaves what it does not know.
      if (!/\$\([^(]+\)/.test(value)) continue;
      throw new TypeError(
        `Argument "${argument}" must be a value, not the name of a variable: Map it in the "env:" of the step`,
      );
    }
    if (/[^\x20-\x7e]/.test(systemAccessToken)) {
      throw new TypeError('Argument "systemAccessToken" must be a token, of printable ASCII characters');
    }
    const name = "AzurePipelinesCredential";
    const settings = resolveSettings(options);
    const job = { credential: name, serviceConnectionId, systemAccessToken };
    const acquire: Acquire = (request) => {
      const clientAuth = federatedTokenAuth(() => requestOidcToken(job, request.signal, settings));
      return createTokenClient({ name, clientId, clientAuth, type: "client_credentials" }, settings)(request);
    };
    const cacheIdentity =
      () => [clientId, serviceConnectionId, systemAccessToken, settings.env(OIDC_REQUEST_URI) ?? ""];
    setInternals(this, createGetToken({ name, tenantId, variables: APP_VARIABLES, cacheIdentity, acquire }, settings));
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} The variable `SYSTEM_OIDCREQUESTURI` is not set: it is no job of Azure Pipelines.
   * @throws {AuthenticationError} Azure Pipelines or Microsoft Entra refuses, or does not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
