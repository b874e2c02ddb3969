import { checkClientId, checkText, checkVariable } from "../core/validate.ts";
import { type Acquire, createGetToken, type GetToken } from "../core/get_token.ts";
import { APP_VARIABLES, requireVariables } from "../core/require_variables.ts";
import type { Settings } from "../core/settings.ts";
import { checkAppTenantId, MULTITENANT_VARIABLE } from "../core/tenants.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { CredentialOptions } from "../options.ts";
import { textFileReader } from "../runtime/files.ts";
import { checkExpiry, claimsOf, federatedTokenAuth } from "./token_file.ts";
import { type NamedFile, readNamedFile } from "../entra/named_file.ts";
import { createTokenClient } from "../entra/token_client.ts";

/** Who the workload is; what is not given stands in a variable. */
export interface Workload extends CredentialOptions {
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly tokenFilePath?: string | undefined;
  readonly enableAzureProxy?: boolean | undefined;
}

/** The variables, and the options that come before them. */
const VARIABLES = {
  AZURE_TENANT_ID: "tenantId",
  AZURE_CLIENT_ID: "clientId",
  AZURE_FEDERATED_TOKEN_FILE: "tokenFilePath",
} as const;

/** All variables that decide about the identity, without those of the token proxy. */
export const WORKLOAD_VARIABLES: readonly string[] = [
  ...Object.keys(VARIABLES),
  "AZURE_AUTHORITY_HOST",
  ...APP_VARIABLES,
  MULTITENANT_VARIABLE,
];

const PROXY_VARIABLES = [
  "AZURE_KUBERNETES_TOKEN_PROXY",
  "AZURE_KUBERNETES_SNI_NAME",
  "AZURE_KUBERNETES_CA_FILE",
  "AZURE_KUBERNETES_CA_DATA",
];

/**
 * Returns the `getToken` of a workload that is handed a file with a token. Throws a `CredentialUnavailableError` where a variable is not set, an
 * `AuthenticationError` where it is malformed or may not be read.
 */
export function createWorkloadIdentity(credential: string, options: Workload, settings: Settings): GetToken {
  const { enableAzureProxy = false, runtime = {} } = options;
  const variables = Object.keys(VARIABLES) as (keyof typeof VARIABLES)[];
  const missing = variables.filter((name) => !options[VARIABLES[name]]);
  requireVariables(
    [
      ...missing,
      ...enableAzureProxy ? PROXY_VARIABLES : [],
      ...settings.authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [],
      // Read later, and required now, so that one error names all.
      ...APP_VARIABLES,
      MULTITENANT_VARIABLE,
    ],
    settings,
    credential,
  );
  const unset = missing.filter((name) => !settings.env(name));
  if (unset.length > 0) {
    const options = unset.map((name) => `"${VARIABLES[name]}"`).join(", ");
    throw new CredentialUnavailableError(`${credential}: Cannot find the workload's identity`, {
      outcome: "absent",
      nextStep: `Set ${
        unset.join(", ")
      } or give ${options}; AKS sets all for pods with the label azure.workload.identity/use`,
    });
  }
  const tenantId = find("AZURE_TENANT_ID", checkAppTenantId);
  const clientId = find("AZURE_CLIENT_ID", checkClientId);
  const path = find("AZURE_FEDERATED_TOKEN_FILE", checkText);
  if (path.startsWith("eyJ")) {
    throw new AuthenticationError(
      `${credential}: Cannot use ${namedBy(options)}: It must be the path of a file, not the token itself`,
    );
  }
  const file = tokenFileOf(options, settings);
  const readTextFile = textFileReader(runtime);
  const read = async () => (await readNamedFile(file, readTextFile)).trim();
  let acquire: Acquire | undefined;

  async function connect(): Promise<Acquire> {
    const proxy = enableAzureProxy
      ? (await import("./token_proxy.ts")).createTokenProxy(settings, { runtime, readTextFile })
      : undefined;
    const clientAuth = federatedTokenAuth(async () => {
      await proxy?.reload();
      const token = await read();
      checkExpiry(token, file, settings.now());
      return token;
    });
    const grant = { name: credential, clientId, clientAuth, type: "client_credentials" } as const;
    // The proxy is whom the token is for, whatever cloud stands behind it.
    return createTokenClient(
      grant,
      proxy ? { ...settings, fetch: proxy.fetch, disableInstanceDiscovery: true } : settings,
    );
  }

  return createGetToken({
    name: credential,
    tenantId,
    // Not the whole token, which changes: whom the file is for, and where the file is.
    async cacheIdentity() {
      const { iss, sub } = claimsOf(await read(), file);
      const proxy = enableAzureProxy ? PROXY_VARIABLES.map(settings.env) : undefined;
      return [clientId, path, JSON.stringify([iss, sub, proxy])];
    },
    acquire: async (request) => await (acquire ??= await connect())(request),
  }, settings);

  function find(name: keyof typeof VARIABLES, check: (value: string) => void): string {
    const given = options[VARIABLES[name]];
    if (given) return given;
    const value = settings.env(name)!;
    checkVariable(credential, name, value, check);
    return value;
  }
}

/** Returns the file that holds the workload's token. */
export function tokenFileOf(options: Workload, { env }: Settings): NamedFile {
  return {
    path: options.tokenFilePath || env("AZURE_FEDERATED_TOKEN_FILE")!,
    label: `the token file of ${namedBy(options)}`,
    nextStep: "Check the path, and in AKS that the pod has the label azure.workload.identity/use, " +
      "for which a token of its service account is mounted there",
  };
}

function namedBy({ tokenFilePath }: Workload): string {
  return tokenFilePath ? 'the option "tokenFilePath"' : "AZURE_FEDERATED_TOKEN_FILE";
}
