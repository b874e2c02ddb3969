import { checkClientId, checkText } from "../core/check_text.ts";
import { checkVariable } from "../core/check_variable.ts";
import { type Acquire, createGetToken, type GetToken } from "../core/create_get_token.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { checkAppTenantId } from "../core/tenants.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { checkExpiry, claimsOf, federatedTokenAuth } from "../oauth/federated_token.ts";
import { readNamedFile } from "../oauth/named_file.ts";
import { createTokenClient } from "../oauth/token_client.ts";
import type { CredentialOptions } from "../options.ts";
import { textFileReader } from "../runtime/files.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

/** Options of {@linkcode WorkloadIdentityCredential}. */
export interface WorkloadIdentityCredentialOptions extends CredentialOptions {
  /** The tenant's id or domain name. Default: the variable `AZURE_TENANT_ID`. */
  tenantId?: string | undefined;
  /** The client id of the app or of the user-assigned identity. Default: the variable `AZURE_CLIENT_ID`. */
  clientId?: string | undefined;
  /** The path of the file with the token. Default: the variable `AZURE_FEDERATED_TOKEN_FILE`. */
  tokenFilePath?: string | undefined;
  /**
   * Sends the requests to the token proxy of the cluster, which the variables `AZURE_KUBERNETES_TOKEN_PROXY`, `AZURE_KUBERNETES_SNI_NAME`
   * and `AZURE_KUBERNETES_CA_FILE` or `AZURE_KUBERNETES_CA_DATA` describe; where none is set, to Microsoft Entra. Default: `false`.
   *
   * https://learn.microsoft.com/azure/aks/identity-bindings-concepts
   */
  enableAzureProxy?: boolean | undefined;
}

const NAME = "WorkloadIdentityCredential";

/** The variables, and the options that come before them. */
const VARIABLES = {
  AZURE_TENANT_ID: "tenantId",
  AZURE_CLIENT_ID: "clientId",
  AZURE_FEDERATED_TOKEN_FILE: "tokenFilePath",
} as const;

const PROXY_VARIABLES = [
  "AZURE_KUBERNETES_TOKEN_PROXY",
  "AZURE_KUBERNETES_SNI_NAME",
  "AZURE_KUBERNETES_CA_FILE",
  "AZURE_KUBERNETES_CA_DATA",
];

/**
 * A pod of Azure Kubernetes Service, or another workload that is handed a file with a token of an identity provider that the app trusts
 * (workload identity federation). The file is read anew for each request, because it changes while the program runs.
 *
 * The options come before the variables `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE`, which are read when the first
 * token is asked for.
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
  readonly #options: WorkloadIdentityCredentialOptions;
  readonly #settings: Settings;
  #getToken: GetToken | undefined;

  /**
   * Checks the options; reads and sends nothing.
   *
   * @param options See {@linkcode WorkloadIdentityCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: WorkloadIdentityCredentialOptions = {}) {
    this.#settings = resolveSettings(options);
    this.#options = options;
    const { tenantId, clientId, tokenFilePath } = options;
    if (tenantId) checkAppTenantId(tenantId);
    if (clientId) checkClientId(clientId);
    if (tokenFilePath) checkText(tokenFilePath, "tokenFilePath");
  }

  /**
   * Returns a token, from memory while it is fresh.
   *
   * @param scopes One scope that ends in `/.default`, such as `"https://vault.azure.net/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {CredentialUnavailableError} A variable is not set, or the file cannot be read.
   * @throws {AuthenticationError} The file holds no token, or an expired one; Microsoft Entra refuses it, or does not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    try {
      this.#getToken ??= createFrom(this.#options, this.#settings);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#getToken(scopes, options);
  }
}

function createFrom(options: WorkloadIdentityCredentialOptions, settings: Settings): GetToken {
  const { enableAzureProxy = false, runtime = {} } = options;
  const variables = Object.keys(VARIABLES) as (keyof typeof VARIABLES)[];
  const missing = variables.filter((name) => !options[VARIABLES[name]]);
  const flag = settings.missingEnvPermission([
    ...missing,
    ...enableAzureProxy ? PROXY_VARIABLES : [],
    ...settings.authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [],
  ]);
  if (flag) {
    throw new CredentialUnavailableError(
      `${NAME}: Cannot read all of the variables that say who the program is: Run Deno with ${flag}`,
    );
  }
  const unset = missing.filter((name) => !settings.env(name));
  if (unset.length > 0) {
    throw new CredentialUnavailableError(
      `${NAME}: Cannot find the workload's identity: Set ${unset.join(", ")} or give ` +
        `${
          unset.map((name) => `"${VARIABLES[name]}"`).join(", ")
        }; AKS sets all for pods with the label azure.workload.identity/use`,
    );
  }
  const tenantId = find("AZURE_TENANT_ID", checkAppTenantId);
  const clientId = find("AZURE_CLIENT_ID", checkClientId);
  const path = find("AZURE_FEDERATED_TOKEN_FILE", checkText);
  const namedBy = options.tokenFilePath ? 'the option "tokenFilePath"' : "AZURE_FEDERATED_TOKEN_FILE";
  if (path.startsWith("eyJ")) {
    throw new AuthenticationError(
      `${NAME}: Cannot use ${namedBy}: It must be the path of a file, not the token itself`,
    );
  }
  const file = { path, label: `the token file of ${namedBy}` };
  const readTextFile = runtime.readTextFile ? (path: string) => runtime.readTextFile!(path) : textFileReader();
  const read = () => readNamedFile(file, readTextFile);
  let acquire: Acquire | undefined;

  async function connect(): Promise<Acquire> {
    const proxy = enableAzureProxy
      ? (await import("../oauth/token_proxy.ts")).createTokenProxy(settings, { runtime, readTextFile })
      : undefined;
    const clientAuth = federatedTokenAuth(async () => {
      await proxy?.reload();
      const token = await read();
      checkExpiry(token, file, settings.now());
      return token;
    });
    const grant = { name: NAME, clientId, clientAuth, type: "client_credentials" } as const;
    // The proxy is whom the token is for, whatever cloud stands behind it.
    return createTokenClient(
      grant,
      proxy ? { ...settings, fetch: proxy.fetch, disableInstanceDiscovery: true } : settings,
    );
  }

  return createGetToken({
    name: NAME,
    tenantId,
    // Not the whole token, which changes: whom the file is for, and where the file is.
    async proof() {
      const { iss, sub } = claimsOf(await read(), file);
      const proxy = enableAzureProxy ? settings.env("AZURE_KUBERNETES_TOKEN_PROXY") : undefined;
      return [clientId, path, JSON.stringify([iss, sub, proxy])];
    },
    acquire: async (request) => await (acquire ??= await connect())(request),
  }, settings);

  function find(name: keyof typeof VARIABLES, check: (value: string) => void): string {
    const given = options[VARIABLES[name]];
    if (given) return given;
    const value = settings.env(name)!;
    checkVariable(NAME, name, value, check);
    return value;
  }
}
