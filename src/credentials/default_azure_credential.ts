import { createChain, type Link } from "../core/create_chain.ts";
import type { GetToken } from "../core/create_get_token.ts";
import { resolveSettings } from "../core/settings.ts";
import type { CredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { EnvironmentCredential } from "./environment_credential.ts";
import {
  ManagedIdentityCredential,
  type ManagedIdentityCredentialClientIdOptions,
} from "./managed_identity_credential.ts";
import { WorkloadIdentityCredential } from "./workload_identity_credential.ts";

/** Options of {@linkcode DefaultAzureCredential}: what every credential accepts goes to each of the chain. */
export interface DefaultAzureCredentialOptions extends CredentialOptions {
  /** The tenant of `WorkloadIdentityCredential`. Default: the variable `AZURE_TENANT_ID`. */
  tenantId?: string | undefined;
  /** The environment variables without which the constructor throws. Default: none. */
  requiredEnvVars?: string | string[] | undefined;
  /** See {@linkcode ManagedIdentityCredentialOptions.probeTimeoutInMs}. */
  probeTimeoutInMs?: number | undefined;
}

/** Options of {@linkcode DefaultAzureCredential} for user-assigned identities with a client id. */
export interface DefaultAzureCredentialClientIdOptions extends DefaultAzureCredentialOptions {
  /** The client id for `ManagedIdentityCredential`. Default: the variable `AZURE_CLIENT_ID`, else the machine's own identity. */
  managedIdentityClientId?: string | undefined;
  /** The client id for `WorkloadIdentityCredential`. Default: `managedIdentityClientId`, else the variable `AZURE_CLIENT_ID`. */
  workloadIdentityClientId?: string | undefined;
}

/** Options of {@linkcode DefaultAzureCredential} for a user-assigned identity with a resource id. */
export interface DefaultAzureCredentialResourceIdOptions extends DefaultAzureCredentialOptions {
  /** The resource id for `ManagedIdentityCredential`: `/subscriptions/…/userAssignedIdentities/…`. */
  managedIdentityResourceId: string;
}

type AnyOptions = DefaultAzureCredentialClientIdOptions & Partial<DefaultAzureCredentialResourceIdOptions>;

interface Row {
  readonly name: string;
  readonly group: "prod" | "dev";
  readonly create: (options: AnyOptions, env: (name: string) => string | undefined) => TokenCredential;
}

/** The chain, in order. */
const TABLE: readonly Row[] = [
  { name: "EnvironmentCredential", group: "prod", create: (options) => new EnvironmentCredential(options) },
  {
    name: "WorkloadIdentityCredential",
    group: "prod",
    create: (options) =>
      new WorkloadIdentityCredential({
        ...options,
        clientId: options.workloadIdentityClientId ?? options.managedIdentityClientId,
      }),
  },
  {
    name: "ManagedIdentityCredential",
    group: "prod",
    create: ({ managedIdentityClientId, managedIdentityResourceId: resourceId, ...options }, env) => {
      const variable = resourceId === undefined && env("AZURE_CLIENT_ID") || undefined;
      if (variable && /[^!-~]/.test(variable)) {
        throw new TypeError("Variable AZURE_CLIENT_ID must be the client id of an app, without spaces");
      }
      const clientId = managedIdentityClientId ?? variable;
      return new ManagedIdentityCredential(
        { ...options, clientId, resourceId } as ManagedIdentityCredentialClientIdOptions,
      );
    },
  },
];

/** What `AZURE_TOKEN_CREDENTIALS` can be for `@azure/identity`: whoever sets it made no slip. */
const ELSEWHERE = /^(dev|(visualstudiocode|azure(cli|powershell|developercli))credential)$/;

/**
 * Whoever the environment offers, detected in order, with no change of code from laptop to production: `EnvironmentCredential`,
 * `WorkloadIdentityCredential`, `ManagedIdentityCredential`.
 *
 * A method that is not configured is passed over; one that is configured and refused ends the search with its error. The one that gave
 * the first token is asked alone from then on. The variable `AZURE_TOKEN_CREDENTIALS` restricts the search: `prod`, or the name of one
 * credential, in any case; then no metadata service is probed for, and a managed identity has all the time it needs.
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
  readonly #getToken: GetToken;

  /**
   * Reads `AZURE_TOKEN_CREDENTIALS` and `AZURE_CLIENT_ID`; sends nothing.
   *
   * @param options Go to every credential of the chain. See {@linkcode CredentialOptions}.
   * @throws {TypeError} An option, `AZURE_TOKEN_CREDENTIALS` or `AZURE_CLIENT_ID` is malformed, or a required variable is not set.
   */
  constructor(options?: DefaultAzureCredentialClientIdOptions | DefaultAzureCredentialResourceIdOptions);
  constructor(options: AnyOptions = {}) {
    const { env, log } = resolveSettings(options);
    const missing = [options.requiredEnvVars ?? []].flat().filter((name) => !env(name));
    if (missing.length > 0) {
      throw new TypeError(`Option "requiredEnvVars" names what is not set: ${missing.join(", ")}`);
    }
    const wanted = env("AZURE_TOKEN_CREDENTIALS");
    const links = select(wanted).map(({ name, create }): Link => ({ name, credential: create(options, env) }));
    this.#getToken = createChain("DefaultAzureCredential", links, { log, isSearch: !wanted?.trim() });
  }

  /**
   * Returns a token of the first credential that gives one.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AggregateAuthenticationError} No credential is available. Its `errors` say why, in order.
   * @throws {AuthenticationError} A credential is configured and refused.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return this.#getToken(scopes, options);
  }
}

function select(value: string | undefined): readonly Row[] {
  const wanted = value?.trim().toLowerCase();
  if (!wanted) return TABLE;
  const rows = TABLE.filter(({ name, group }) => [group, name.toLowerCase()].includes(wanted));
  if (rows.length > 0) return rows;
  const known = [...new Set(TABLE.flatMap(({ name, group }) => [group, name]))].map((word) => `"${word}"`).join(", ");
  throw new TypeError(
    `Variable AZURE_TOKEN_CREDENTIALS must be one of ${known}, and is "${value}"` +
      (ELSEWHERE.test(wanted) ? ", which is not there yet" : ""),
  );
}
