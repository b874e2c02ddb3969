/**
 * `DefaultAzureCredential` tries a fixed list of credentials, for deployed applications and for development, and uses the first that returns a
 * token.
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

import { checkClientId, checkOption } from "../core/validate.ts";
import { createChain } from "../core/chain.ts";
import type { GetToken } from "../core/get_token.ts";
import type { Link } from "../core/in_chain.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { lazyGetToken } from "../core/lazy_get_token.ts";
import { PRINCIPAL_VARIABLES } from "../core/principal.ts";
import { requireVariables } from "../core/require_variables.ts";
import { resolveSettings, type Settings } from "../core/settings.ts";
import { unavailableOf } from "../core/unavailable.ts";
import { messageOf } from "../core/unknown_errors.ts";
import type { CredentialExplanation, Explanation } from "../credential_explanation.ts";
import { createToolGetToken, toolContext } from "../developer_tools/create_tool_get_token.ts";
import { loadAzureCli, loadAzureDeveloperCli, loadAzurePowerShell } from "../developer_tools/load_tool.ts";
import type { AuthenticationError } from "../errors.ts";
import {
  hasFederatedToken,
  identityIn,
  identityInVariable,
  type UserAssignedIdentity,
} from "../managed_identity/identity.ts";
import { createEnvironmentIdentity } from "./environment_identity.ts";
import { createLazyWorkload } from "../federation/lazy_workload_identity.ts";
import type { UserSession } from "../sign_in/session.ts";
import type { BrowserCustomizationOptions, CredentialOptions, DefaultAzureCredentialName } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { chooseManagedIdentity } from "./choose_managed_identity.ts";
import type { WorkloadIdentityCredentialOptions } from "./workload_identity_credential.ts";

/** The variables that `requiredEnvVars` is for in `@azure/identity`; here it takes any name. */
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

/** Options of {@linkcode DefaultAzureCredential}: what every credential accepts goes to each of the chain. */
export interface DefaultAzureCredentialOptions extends CredentialOptions, BrowserCustomizationOptions {
  /**
   * The tenant of `WorkloadIdentityCredential` (default: the variable `AZURE_TENANT_ID`) and of the developer's tools (default: the one that
   * each is signed in to).
   */
  tenantId?: string | undefined;
  /** The credentials that are left out. Default: none. */
  exclude?: readonly DefaultAzureCredentialName[] | undefined;
  /** Whether the user is asked to sign in in a browser where nothing else is there. Default: `false`. */
  includeInteractiveBrowser?: boolean | undefined;
  /** The client id for `InteractiveBrowserCredential`. Default: the Azure CLI's, for development. */
  interactiveBrowserClientId?: string | undefined;
  /** See {@linkcode InteractiveBrowserCredentialOptions.loginHint}. */
  loginHint?: string | undefined;
  /** The environment variables without which the constructor throws. Default: none. */
  requiredEnvVars?: string | string[] | undefined;
  /** See {@linkcode ManagedIdentityCredentialOptions.probeTimeoutInMs}. */
  probeTimeoutInMs?: number | undefined;
  /** How long each of the developer's tools may take, in milliseconds; then it is stopped. Default: 15,000. */
  processTimeoutInMs?: number | undefined;
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
  readonly name: DefaultAzureCredentialName;
  readonly group: "prod" | "dev";
  readonly create: (options: AnyOptions, settings: Settings) => GetToken;
  /** Returns the environment variables that decide about its identity. */
  readonly variables?: () => readonly string[] | Promise<readonly string[]>;
  /** See {@linkcode Link.canPrefetch}. */
  readonly canPrefetch?: (options: AnyOptions, settings: Settings) => Promise<boolean>;
  /** Returns what is known of it without a request or a process. Throws what `getToken` would. */
  readonly explain: (options: AnyOptions, settings: Settings) => Explanation | Promise<Explanation>;
}

/** The functions behind the methods. */
interface Internals {
  readonly getToken: GetToken;
  readonly explain: () => Promise<readonly CredentialExplanation[]>;
}

const NAME = "DefaultAzureCredential";

/** The chain, in order. */
const TABLE: readonly Row[] = [
  {
    name: "EnvironmentCredential",
    group: "prod",
    create: (options, settings) =>
      lazyGetToken(() => createEnvironmentIdentity("EnvironmentCredential", options, settings)),
    variables: () => PRINCIPAL_VARIABLES,
    explain: async (options, settings) => {
      const { explainEnvironment } = await import("./explain_identity.ts");
      return await explainEnvironment("EnvironmentCredential", options, settings);
    },
  },
  {
    name: "WorkloadIdentityCredential",
    group: "prod",
    create: (options, settings) => createLazyWorkload(workloadOf(options), settings),
    variables: async () => (await import("../federation/workload_identity.ts")).WORKLOAD_VARIABLES,
    explain: async (options, settings) => {
      const { explainWorkload } = await import("./explain_identity.ts");
      return await explainWorkload("WorkloadIdentityCredential", workloadOf(options), settings);
    },
  },
  {
    name: "ManagedIdentityCredential",
    group: "prod",
    create: (options, settings) => {
      checkIdentity(options);
      return chooseManagedIdentity(options, settings, () => identityOf(options, settings));
    },
    variables: async () => (await import("../managed_identity/sources.ts")).SOURCE_VARIABLES,
    explain: async (options, settings) => {
      const identity = identityOf(options, settings);
      if (hasFederatedToken(settings, identity)) {
        const { explainWorkload } = await import("./explain_identity.ts");
        return await explainWorkload("ManagedIdentityCredential", { ...options, clientId: identity?.id }, settings);
      }
      const { explainSource } = await import("../managed_identity/client.ts");
      return await explainSource(options, identity, settings);
    },
  },
  {
    name: "AzureCliCredential",
    group: "dev",
    create: (options, settings) => createToolGetToken("AzureCliCredential", { options, settings }, loadAzureCli),
    canPrefetch: async (options, settings) => {
      const { isSignedIn } = await import("../developer_tools/azure_cli.ts");
      return await isSignedIn(toolContext(options, settings));
    },
    explain: async (options, settings) => {
      const { explainAzureCli } = await import("../developer_tools/azure_cli.ts");
      return await explainAzureCli(toolContext(options, settings));
    },
  },
  {
    name: "AzurePowerShellCredential",
    group: "dev",
    create: (options, settings) =>
      createToolGetToken("AzurePowerShellCredential", { options, settings }, loadAzurePowerShell),
    explain: async (options, settings) => {
      const { explainAzurePowerShell } = await import("../developer_tools/azure_powershell.ts");
      return await explainAzurePowerShell(toolContext(options, settings));
    },
  },
  {
    name: "AzureDeveloperCliCredential",
    group: "dev",
    create: (options, settings) =>
      createToolGetToken("AzureDeveloperCliCredential", { options, settings }, loadAzureDeveloperCli),
    explain: async (options, settings) => {
      const { explainAzureDeveloperCli } = await import("../developer_tools/azure_developer_cli.ts");
      return await explainAzureDeveloperCli(toolContext(options, settings));
    },
  },
  {
    name: "InteractiveBrowserCredential",
    group: "dev",
    create: ({ interactiveBrowserClientId: clientId, ...options }, settings) => {
      if (clientId !== undefined) checkOption("interactiveBrowserClientId", clientId, checkClientId);
      let session: UserSession | undefined;
      return async (scopes, getTokenOptions) => {
        // Loaded at the first call, because most programs use an earlier credential.
        const { createBrowserSession } = await import("../sign_in/browser_session.ts");
        session ??= createBrowserSession({ ...options, clientId }, settings);
        return await session.getToken(scopes, getTokenOptions);
      };
    },
    explain: () => ({ state: "inconclusive", detail: "Opens a browser for the user to sign in" }),
  },
];

function workloadOf(options: AnyOptions): WorkloadIdentityCredentialOptions {
  for (const name of ["workloadIdentityClientId", "managedIdentityClientId"] as const) {
    if (options[name]) checkOption(name, options[name], checkClientId);
  }
  return { ...options, clientId: options.workloadIdentityClientId ?? options.managedIdentityClientId };
}

function checkIdentity({ managedIdentityClientId: clientId, managedIdentityResourceId: resourceId }: AnyOptions): void {
  if (clientId !== undefined && resourceId !== undefined) {
    throw new TypeError(
      'Options "managedIdentityClientId" and "managedIdentityResourceId" name two identities: Give one of them',
    );
  }
  checkOption("managedIdentityClientId", { clientId }, identityIn);
  checkOption("managedIdentityResourceId", { resourceId }, identityIn);
}

function identityOf(
  { managedIdentityClientId: clientId, managedIdentityResourceId: resourceId }: AnyOptions,
  settings: Settings,
): UserAssignedIdentity | undefined {
  return identityIn({ clientId, resourceId }) ?? identityInVariable("ManagedIdentityCredential", settings);
}

/**
 * Tries a fixed list of credentials in order and uses the first that returns a token, with no change of code from laptop to production:
 * `EnvironmentCredential`, `WorkloadIdentityCredential`, `ManagedIdentityCredential`, `AzureCliCredential`, `AzurePowerShellCredential`,
 * `AzureDeveloperCliCredential`; with `includeInteractiveBrowser`, `InteractiveBrowserCredential` as well.
 *
 * Each credential has one of four outcomes:
 *
 * - Absent: nothing configures it. The next one is tried, and the one that returns a token is used for the life of the instance.
 * - Inconclusive: a metadata service that cannot be recognised or knows no identity, a tool that is signed in and fails. The next one is used
 *   until this one is tried again: after 10 s, after 60 s, or for a tool when the token has to be renewed.
 * - Not for this call: a tool cannot do what the call asks for. The next one is used for this call only.
 * - Configured, and fails (the first three): the chain ends with an `AuthenticationError`. The program does not become another identity.
 *
 * While the first three are probing, a signed-in Azure CLI is started ahead; the order stays the same.
 *
 * The environment variable `AZURE_TOKEN_CREDENTIALS` restricts the list: `prod` (the first three), `dev` (the others), or the name of one credential,
 * in any case. No metadata service is probed for then, and a managed identity has all the time it needs.
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
   * Reads `AZURE_TOKEN_CREDENTIALS`; sends and starts nothing.
   *
   * @param options Go to every credential of the chain. See {@linkcode CredentialOptions}.
   * @throws {TypeError} An option or `AZURE_TOKEN_CREDENTIALS` is malformed, a required variable is not set, or nothing is left to try.
   */
  constructor(options?: DefaultAzureCredentialClientIdOptions | DefaultAzureCredentialResourceIdOptions);
  constructor(options: AnyOptions = {}) {
    const settings = resolveSettings(options);
    const missing = [options.requiredEnvVars ?? []].flat().filter((name) => !settings.env(name));
    if (missing.length > 0) {
      throw new TypeError(`Option "requiredEnvVars" names what is not set: ${missing.join(", ")}`);
    }
    const wanted = settings.env("AZURE_TOKEN_CREDENTIALS");
    const { exclude = [], includeInteractiveBrowser = false } = options;
    const table = TABLE.filter(({ name }) => includeInteractiveBrowser || name !== "InteractiveBrowserCredential");
    const rows = select(table, wanted, exclude);
    const links = rows.map(({ name, create, canPrefetch }): Link => ({
      name,
      credential: { getToken: create(options, settings) },
      ...canPrefetch && { canPrefetch: () => canPrefetch(options, settings) },
    }));
    const getToken = createChain(NAME, links, { ...settings, isDiscovery: !wanted?.trim() });
    const isReadable = !settings.missingEnvPermission(["AZURE_TOKEN_CREDENTIALS"]);
    const internals: Internals = {
      getToken: isReadable ? getToken : () => requireSelection(rows, settings),
      async explain() {
        const rowsExplained = await Promise.all(rows.map((row) => explain(row, options, settings)));
        if (isReadable) return rowsExplained;
        const { message } = await requireSelection(rows, settings).catch((error: AuthenticationError) => error);
        return [{ credential: NAME, state: "fails", detail: message }, ...rowsExplained];
      },
    };
    setInternals(this, internals);
  }

  /**
   * Returns a token of the first credential that returns one.
   *
   * @param scopes What the token is for, such as `"https://storage.azure.com/.default"`.
   * @param options See {@linkcode GetTokenOptions}; `requestOptions.timeout` bounds the whole call.
   * @throws {AggregateAuthenticationError} No credential is available. Its message is a table of the credentials and their outcomes, and its
   * `errors` hold the reasons, in order.
   * @throws {AuthenticationError} A credential is configured and fails, or Deno may not read a variable that decides about the identity.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<Internals>(this).getToken(scopes, options);
  }

  /**
   * Returns what is known of each credential, in order, in the words of its outcomes. Reads variables and looks for files; sends no request and
   * starts no process.
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

async function explain(row: Row, options: AnyOptions, settings: Settings): Promise<CredentialExplanation> {
  const { name: credential } = row;
  try {
    return { credential, ...await row.explain(options, settings) };
  } catch (error) {
    const detail = messageOf(error).replace(`${credential}: `, "");
    const outcome = unavailableOf(error)?.outcome;
    return { credential, state: outcome === "absent" || outcome === "inconclusive" ? outcome : "fails", detail };
  }
}

/**
 * Throws the error where Deno may not read which credentials may be used. It names the variables of all credentials, so that one change of the flags
 * is enough.
 */
async function requireSelection(rows: readonly Row[], settings: Settings): Promise<never> {
  const variables = await Promise.all(rows.map((row) => row.variables?.() ?? []));
  requireVariables(["AZURE_TOKEN_CREDENTIALS", ...variables.flat()], settings, NAME);
  throw new Error("Unreachable");
}

function select(
  table: readonly Row[],
  value: string | undefined,
  excluded: readonly string[],
): readonly Row[] {
  const names = table.map(({ name }) => name);
  const unknown = excluded.find((name) => !(names as string[]).includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Option "exclude" must name credentials of ${list(names)}, and names "${unknown}"`);
  }
  const wanted = value?.trim().toLowerCase();
  const rows = wanted ? table.filter(({ name, group }) => [group, name.toLowerCase()].includes(wanted)) : table;
  if (rows.length === 0) {
    throw new TypeError(
      `Variable AZURE_TOKEN_CREDENTIALS must be one of ${list(["prod", "dev", ...names])}, and is "${value}"` +
        (wanted === "visualstudiocodecredential" ? ", which needs native code" : "") +
        (wanted === "interactivebrowsercredential" ? ', which needs "includeInteractiveBrowser"' : ""),
    );
  }
  const left = rows.filter(({ name }) => !excluded.includes(name));
  if (left.length > 0) return left;
  throw new TypeError('Option "exclude" leaves out every credential that there is to try');
}

function list(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(", ");
}

/** Returns a `DefaultAzureCredential` that has no options. */
export function getDefaultAzureCredential(): TokenCredential {
  return new DefaultAzureCredential();
}
