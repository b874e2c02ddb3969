import { checkCharacters, checkClientId, checkText, checkVariable } from "../core/validate.ts";
import { type Acquire, createGetToken, type GetToken } from "../core/get_token.ts";
import { APP_VARIABLES, requireVariables, unsetReason } from "../core/require_variables.ts";
import type { Settings } from "../core/settings.ts";
import { checkAppTenantId, MULTITENANT_VARIABLE } from "../core/tenants.ts";
import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { CredentialOptions } from "../options.ts";
import { textFileReader } from "../runtime/files.ts";
import { checkExpiry, claimsOf, federatedTokenAuth } from "./token_file.ts";
import { type NamedFile, readNamedFile } from "../entra/named_file.ts";
import { createTokenClient } from "../entra/token_client.ts";

/** The options that identify the workload. Each has an environment variable as its default. */
export interface Workload extends CredentialOptions {
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly tokenFilePath?: string | undefined;
  readonly enableAzureProxy?: boolean | undefined;
}

/** The environment variables, and the options that override them. */
const VARIABLES = {
  AZURE_TENANT_ID: "tenantId",
  AZURE_CLIENT_ID: "clientId",
  AZURE_FEDERATED_TOKEN_FILE: "tokenFilePath",
} as const;

/** All variables that determine the identity, without those of the token proxy. */
export const WORKLOAD_VARIABLES: readonly string[] = [
  ...Object.keys(VARIABLES),
  "AZURE_AUTHORITY_HOST",
  ...APP_VARIABLES,
  MULTITENANT_VARIABLE,
];

const AKS_TOKEN_FILE = "/var/run/secrets/azure/tokens/azure-identity-token";

const PROXY_VARIABLES = [
  "AZURE_KUBERNETES_TOKEN_PROXY",
  "AZURE_KUBERNETES_SNI_NAME",
  "AZURE_KUBERNETES_CA_FILE",
  "AZURE_KUBERNETES_CA_DATA",
];

/**
 * Returns the `getToken` of a workload with a federated token in a file. Throws a `CredentialUnavailableError` if a
 * variable is not set, or an `AuthenticationError` if it is malformed or may not be read.
 *
 * @param source The source of the token of a managed identity, for log events.
 */
export function createWorkloadIdentity(
  credential: string,
  options: Workload,
  settings: Settings,
  source?: string,
): GetToken {
  const { enableAzureProxy = false, runtime = {} } = options;
  const variables = Object.keys(VARIABLES) as (keyof typeof VARIABLES)[];
  const missing = variables.filter((name) => !options[VARIABLES[name]]);
  requireVariables(
    [
      ...missing,
      ...enableAzureProxy ? PROXY_VARIABLES : [],
      ...settings.authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [],
      // Read later, but required now, so that one error names all variables.
      ...APP_VARIABLES,
      MULTITENANT_VARIABLE,
    ],
    settings,
    // Without the option, the file is usually where AKS mounts it.
    { credential, services: ["entra"], files: [options.tokenFilePath || AKS_TOKEN_FILE] },
  );
  const unset = missing.filter((name) => !settings.env(name));
  if (unset.length > 0) {
    const options = unset.map((name) => `"${VARIABLES[name]}"`).join(", ");
    const reason = unsetReason(unset, variables, settings);
    throw new CredentialUnavailableError(`${credential}: Cannot determine the workload's identity: ${reason}`, {
      outcome: "absent",
      nextStep: settings.envAdvice ??
        `Set ${
          unset.join(", ")
        } or pass ${options}; AKS sets all variables in pods with the label azure.workload.identity/use`,
    });
  }
  const tenantId = resolve("AZURE_TENANT_ID", checkAppTenantId);
  const clientId = resolve("AZURE_CLIENT_ID", checkClientId);
  const path = resolve("AZURE_FEDERATED_TOKEN_FILE", checkPath);
  if (path.startsWith("eyJ")) {
    throw new AuthenticationError(
      `${credential}: Cannot use ${pathSource(options)}: It must be the path of a file, not the token itself`,
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
    const renewal = `Check why ${file.label}, "${file.path}", is not renewed any more; in AKS, the kubelet renews it`;
    const grant = { name: credential, clientId, clientAuth, renewal, type: "client_credentials" } as const;
    // The proxy receives the token, so that no authority must be confirmed by discovery.
    return createTokenClient(
      grant,
      proxy ? { ...settings, fetch: proxy.fetch, disableInstanceDiscovery: true } : settings,
    );
  }

  return createGetToken({
    name: credential,
    tenantId,
    // The issuer and subject of the token, because the token itself changes.
    async cacheIdentity() {
      const { iss, sub } = claimsOf(await read(), file);
      const proxy = enableAzureProxy ? PROXY_VARIABLES.map(settings.env) : undefined;
      return [clientId, path, JSON.stringify([iss, sub, proxy])];
    },
    async acquire(request) {
      if (source) request.setLogDetails({ source, identity: `identity with the client id "${clientId}"` });
      return await (acquire ??= await connect())(request);
    },
  }, settings);

  function resolve(name: keyof typeof VARIABLES, check: (value: string) => void): string {
    const option = options[VARIABLES[name]];
    if (option) return option;
    const value = settings.env(name)!;
    checkVariable(credential, name, value, check);
    return value;
  }
}

function checkPath(path: string): void {
  checkText(path);
  checkCharacters(path, /[\r\n\uFEFF]|^["']|["']$/, "It must be the path of a file");
}

/** Returns the file that holds the workload's token. */
export function tokenFileOf(options: Workload, { env }: Settings): NamedFile {
  return {
    path: options.tokenFilePath || env("AZURE_FEDERATED_TOKEN_FILE")!,
    label: `the token file of ${pathSource(options)}`,
    nextStep: "Check the path, and in AKS that the pod has the label azure.workload.identity/use, " +
      "which mounts a token of its service account",
  };
}

function pathSource({ tokenFilePath }: Workload): string {
  return tokenFilePath ? 'the option "tokenFilePath"' : "AZURE_FEDERATED_TOKEN_FILE";
}
