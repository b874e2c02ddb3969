import { checkClientId, checkOption } from "../core/validate.ts";
import type { GetToken } from "../core/get_token.ts";
import { lazyGetToken } from "../core/lazy_get_token.ts";
import { IDENTITY_VARIABLES } from "./identity_variables.ts";
import { requireVariables } from "../core/require_variables.ts";
import { rereadVariables, type Settings } from "../core/settings.ts";
import { unavailableOf } from "../core/unavailable.ts";
import { messageOf } from "../core/unknown_errors.ts";
import type { CredentialExplanation, Explanation } from "../credential_explanation.ts";
import { createToolGetToken, toolContext } from "../developer_tools/create_tool_get_token.ts";
import { loadAzureCli, loadAzureDeveloperCli, loadAzurePowerShell } from "../developer_tools/load_tool.ts";
import { createLazyWorkload } from "../federation/lazy_workload_identity.ts";
import {
  hasFederatedToken,
  identityIn,
  identityInVariable,
  type UserAssignedIdentity,
} from "../managed_identity/identity.ts";
import type {
  DefaultAzureCredentialClientIdOptions,
  DefaultAzureCredentialName,
  DefaultAzureCredentialResourceIdOptions,
} from "../options.ts";
import type { UserSession } from "../sign_in/session.ts";
import { chooseManagedIdentity } from "./choose_managed_identity.ts";
import { createEnvironmentIdentity } from "./environment_identity.ts";
import type { WorkloadIdentityCredentialOptions } from "./workload_identity_credential.ts";

/** The options of the chain, with each of the ways to specify a managed identity. */
export type ChainOptions = DefaultAzureCredentialClientIdOptions & Partial<DefaultAzureCredentialResourceIdOptions>;

/** A credential of the chain. */
export interface Row {
  readonly name: DefaultAzureCredentialName | typeof FEDERATED;
  readonly group: "prod" | "dev" | undefined;
  readonly create: (options: ChainOptions, settings: Settings) => GetToken;
  /** Returns the environment variables that determine its identity. */
  readonly variables?: () => readonly string[] | Promise<readonly string[]>;
  /** See {@linkcode Link.canPrefetch}. */
  readonly canPrefetch?: (options: ChainOptions, settings: Settings) => Promise<boolean>;
  /** Explains the credential without a request or a process. Throws the error that `getToken` would throw. */
  readonly explain: (options: ChainOptions, settings: Settings) => Explanation | Promise<Explanation>;
}

/** The environment variable that selects credentials of the chain. */
export const SELECTION = "AZURE_TOKEN_CREDENTIALS";

/** The only credential of the chain if {@linkcode SELECTION} names it; otherwise not part of the chain. */
export const FEDERATED = "FederatedCredential";

/** Authenticates an app with the assertions of the platform. */
const FEDERATED_ROW: Row = {
  name: FEDERATED,
  group: undefined,
  create: (options, settings) =>
    lazyGetToken(async () => {
      const { createPlatformIdentity } = await import("../federation/platform_identity.ts");
      return createPlatformIdentity(FEDERATED, options, settings);
    }),
  variables: async () => (await import("../federation/platform_identity.ts")).FEDERATED_VARIABLES,
  async explain(_options, settings) {
    const { explainPlatformIdentity } = await import("../federation/platform_identity.ts");
    return explainPlatformIdentity(FEDERATED, settings);
  },
};

/** The chain, in order. */
const TABLE: readonly Row[] = [
  {
    name: "EnvironmentCredential",
    group: "prod",
    create: (options, settings) =>
      lazyGetToken(() => createEnvironmentIdentity("EnvironmentCredential", options, settings)),
    variables: () => IDENTITY_VARIABLES,
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
      const { explainSource } = await import("../managed_identity/explain_source.ts");
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
      const { explainAzureCli } = await import("../developer_tools/explain_tool.ts");
      return await explainAzureCli(toolContext(options, settings));
    },
  },
  {
    name: "AzurePowerShellCredential",
    group: "dev",
    create: (options, settings) =>
      createToolGetToken("AzurePowerShellCredential", { options, settings }, loadAzurePowerShell),
    explain: async (options, settings) => {
      const { explainAzurePowerShell } = await import("../developer_tools/explain_tool.ts");
      return await explainAzurePowerShell(toolContext(options, settings));
    },
  },
  {
    name: "AzureDeveloperCliCredential",
    group: "dev",
    create: (options, settings) =>
      createToolGetToken("AzureDeveloperCliCredential", { options, settings }, loadAzureDeveloperCli),
    explain: async (options, settings) => {
      const { explainAzureDeveloperCli } = await import("../developer_tools/explain_tool.ts");
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
        session ??= createBrowserSession({ ...options, clientId }, rereadVariables(settings));
        return await session.getToken(scopes, getTokenOptions);
      };
    },
    explain: () => ({ state: "inconclusive", detail: "Opens a browser for the user to sign in" }),
  },
];

function workloadOf(options: ChainOptions): WorkloadIdentityCredentialOptions {
  for (const name of ["workloadIdentityClientId", "managedIdentityClientId"] as const) {
    if (options[name]) checkOption(name, options[name], checkClientId);
  }
  return { ...options, clientId: options.workloadIdentityClientId ?? options.managedIdentityClientId };
}

function checkIdentity(
  { managedIdentityClientId: clientId, managedIdentityResourceId: resourceId }: ChainOptions,
): void {
  if (clientId !== undefined && resourceId !== undefined) {
    throw new TypeError(
      'Options "managedIdentityClientId" and "managedIdentityResourceId" name two identities: Give one of them',
    );
  }
  checkOption("managedIdentityClientId", { clientId }, identityIn);
  checkOption("managedIdentityResourceId", { resourceId }, identityIn);
}

function identityOf(
  { managedIdentityClientId: clientId, managedIdentityResourceId: resourceId }: ChainOptions,
  settings: Settings,
): UserAssignedIdentity | undefined {
  return identityIn({ clientId, resourceId }) ?? identityInVariable("ManagedIdentityCredential", settings);
}

/**
 * Returns the rows of the chain that `AZURE_TOKEN_CREDENTIALS` and the options select. Throws a `TypeError` if either
 * is malformed, or no row is left.
 */
export function selectRows(options: ChainOptions, settings: Settings): readonly Row[] {
  const { exclude = [], includeInteractiveBrowser = false } = options;
  if (!Array.isArray(exclude)) {
    throw new TypeError('Option "exclude" must be an array of names, such as ["AzureCliCredential"]');
  }
  const table = TABLE.filter(({ name }) => includeInteractiveBrowser || name !== "InteractiveBrowserCredential");
  const names = table.map(({ name }) => name);
  const unknown = exclude.filter((name) => !names.includes(name)).map(String);
  if (unknown.length > 0) {
    throw new TypeError(`Option "exclude" must name credentials of ${list(names)}, and names "${unknown[0]}"`);
  }
  const value = settings.env(SELECTION);
  const selection = value?.trim().toLowerCase();
  if (selection === FEDERATED.toLowerCase()) return [FEDERATED_ROW];
  const rows = selection ? table.filter(({ name, group }) => [group, name.toLowerCase()].includes(selection)) : table;
  if (rows.length === 0) {
    throw new TypeError(
      `Variable ${SELECTION} must be one of ${list(["prod", "dev", ...names, FEDERATED])}, and is "${value}"` +
        (selection === "visualstudiocodecredential" ? ", which needs native code" : "") +
        (selection === "interactivebrowsercredential" ? ', which needs "includeInteractiveBrowser"' : ""),
    );
  }
  const remaining = rows.filter(({ name }) => !(exclude as readonly string[]).includes(name));
  if (remaining.length > 0) return remaining;
  throw new TypeError('Option "exclude" leaves out every credential of the chain');
}

function list(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(", ");
}

/**
 * Throws the error of a {@linkcode SELECTION} that Deno may not read. It names the variables of all credentials, so
 * that one change of the flags is enough.
 */
export async function requireSelection(name: string, rows: readonly Row[], settings: Settings): Promise<never> {
  const variables = await Promise.all(rows.map((row) => row.variables?.() ?? []));
  requireVariables([SELECTION, ...variables.flat()], settings, { credential: name, services: ["entra", "metadata"] });
  throw new Error("Unreachable");
}

/** Explains a credential of the chain. Never throws: an error is part of the explanation. */
export async function explainRow(row: Row, options: ChainOptions, settings: Settings): Promise<CredentialExplanation> {
  const { name: credential } = row;
  try {
    return { credential, ...await row.explain(options, settings) };
  } catch (error) {
    const detail = messageOf(error).replace(`${credential}: `, "");
    const outcome = unavailableOf(error)?.outcome;
    return { credential, state: outcome === "absent" || outcome === "inconclusive" ? outcome : "fails", detail };
  }
}
