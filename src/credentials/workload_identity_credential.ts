/**
 * `WorkloadIdentityCredential` authenticates a workload, such as a pod of Azure Kubernetes Service, with a token file
 * and workload identity federation.
 *
 * @example
 * ```ts no-eval
 * import { WorkloadIdentityCredential } from "@azweb/identity/workload-identity-credential";
 *
 * const credential = new WorkloadIdentityCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @module
 */

import type { GetToken } from "../core/get_token.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { createLazyWorkload } from "../federation/lazy_workload_identity.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode WorkloadIdentityCredential}. */
export interface WorkloadIdentityCredentialOptions extends CredentialOptions {
  /** The tenant's id or domain name. By default the environment variable `AZURE_TENANT_ID`. */
  tenantId?: string | undefined;
  /**
   * The client id of the app or the user-assigned identity. By default the environment variable `AZURE_CLIENT_ID`.
   */
  clientId?: string | undefined;
  /** The path of the token file. By default the environment variable `AZURE_FEDERATED_TOKEN_FILE`. */
  tokenFilePath?: string | undefined;
  /**
   * Whether token requests go through the token proxy of the cluster, which the environment variables
   * `AZURE_KUBERNETES_TOKEN_PROXY`, `AZURE_KUBERNETES_SNI_NAME` and `AZURE_KUBERNETES_CA_FILE` or
   * `AZURE_KUBERNETES_CA_DATA` configure. If none of them is set, requests go to Microsoft Entra.
   *
   * @default {false}
   *
   * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
   */
  enableAzureProxy?: boolean | undefined;
}

/** The names of its options, without those that every credential has. */
const OPTIONS = "tenantId clientId tokenFilePath enableAzureProxy";

/**
 * Authenticates a workload, such as a pod of Azure Kubernetes Service, with a token file of an identity provider that
 * the app trusts (workload identity federation). The file is read for each token request, because it changes while the
 * program runs.
 *
 * Options take precedence over the environment variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and
 * `AZURE_FEDERATED_TOKEN_FILE`, which `getToken` reads until it has returned a token.
 *
 * @example In a pod with the label `azure.workload.identity/use: "true"`
 * ```ts no-eval
 * import { WorkloadIdentityCredential } from "@azweb/identity";
 *
 * const credential = new WorkloadIdentityCredential();
 * const { token } = await credential.getToken("https://storage.azure.com/.default");
 * ```
 *
 * @see https://learn.microsoft.com/azure/aks/workload-identity-overview
 */
export class WorkloadIdentityCredential implements TokenCredential {
  /**
   * Validates the options. Reads and sends nothing.
   *
   * @param options See {@linkcode WorkloadIdentityCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: WorkloadIdentityCredentialOptions = {}) {
    setInternals(this, createLazyWorkload(options, resolveSettings(options, "WorkloadIdentityCredential", OPTIONS)));
  }

  /**
   * Returns a token, from the cache if it has one.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} A variable is not set.
   * @throws {AuthenticationError} A variable is malformed or may not be read; the file cannot be read, or its token is
   * missing or has expired; Microsoft Entra rejects the token or cannot be reached; or the tenant of `options` is not
   * allowed.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<GetToken>(this)(scopes, options);
  }
}
