import type { Settings } from "../core/settings.ts";
import { azureCli, hasProfile } from "../developer_tools/azure_cli.ts";
import { azureDeveloperCli } from "../developer_tools/azure_developer_cli.ts";
import { azurePowerShell } from "../developer_tools/azure_powershell.ts";
import { commandLines } from "../developer_tools/command_lines.ts";
import { workplaceOf } from "../developer_tools/create_tool_get_token.ts";
import { foldersOf, namesOf } from "../developer_tools/run_tool.ts";
import type { DeveloperTool } from "../developer_tools/tool.ts";
import { isUnavailable } from "../errors.ts";
import { createClient } from "../managed_identity/client.ts";
import { createWorkloadIdentity } from "../oauth/workload_identity.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import type {
  CredentialExplanation,
  DefaultAzureCredentialClientIdOptions,
  DefaultAzureCredentialName,
  DefaultAzureCredentialResourceIdOptions,
} from "./default_azure_credential.ts";
import { createPrincipal, present } from "./environment_credential.ts";
import { hasFederatedToken } from "./managed_identity_credential.ts";

type Explanation = Omit<CredentialExplanation, "credential">;
type Options = DefaultAzureCredentialClientIdOptions & Partial<DefaultAzureCredentialResourceIdOptions>;

const EXPLANATIONS: Readonly<
  Record<DefaultAzureCredentialName, (options: Options, settings: Settings) => Explanation | Promise<Explanation>>
> = {
  EnvironmentCredential(options, settings) {
    createPrincipal(options, settings);
    return { state: "configured", detail: present(settings) };
  },
  async WorkloadIdentityCredential(options, settings) {
    const clientId = options.workloadIdentityClientId ?? options.managedIdentityClientId;
    createWorkloadIdentity("WorkloadIdentityCredential", { ...options, clientId }, settings);
    return await explainTokenFile(options, settings);
  },
  async ManagedIdentityCredential(options, settings) {
    const { managedIdentityResourceId: resourceId, probeTimeoutInMs, runtime = {} } = options;
    const clientId = options.managedIdentityClientId ?? settings.env("AZURE_CLIENT_ID");
    const identity = resourceId
      ? { kind: "resourceId", id: resourceId } as const
      : clientId
      ? { kind: "clientId", id: clientId } as const
      : undefined;
    if (hasFederatedToken(settings, identity)) return await explainTokenFile(options, settings);
    const client = createClient("ManagedIdentityCredential", { identity, probeTimeoutInMs, runtime, settings });
    const { name, probe } = await client.findSource();
    return probe
      ? { state: "unknown", detail: `No variable names a source: ${name} is looked for at 169.254.169.254` }
      : { state: "configured", detail: `The source is ${name}` };
  },
  async AzureCliCredential(options, settings) {
    const tool = azureCli(workplaceOf(options, settings));
    const found = await explainTool(tool, options, settings);
    if (found.state === "missing") return found;
    return await hasProfile(options.runtime ?? {}, settings)
      ? { state: "configured", detail: `Somebody has signed in: "${tool.profile}"` }
      : { state: "missing", detail: `Nobody has signed in, or "${tool.profile}" may not be read: Run "az login"` };
  },
  AzurePowerShellCredential: (options, settings) => explainTool(azurePowerShell(), options, settings),
  AzureDeveloperCliCredential: (options, settings) => explainTool(azureDeveloperCli(), options, settings),
};

async function explainTokenFile({ runtime = {} }: Options, { env }: Settings): Promise<Explanation> {
  const path = env("AZURE_FEDERATED_TOKEN_FILE")!;
  const fileExists = runtime.fileExists?.bind(runtime) ?? fileFinder();
  return await fileExists?.(path)
    ? { state: "configured", detail: `The token file "${path}"` }
    : { state: "unknown", detail: `The token file "${path}" is not there, or may not be read` };
}

/** Returns what is known of each credential without a request or a process. */
export async function explain(
  names: readonly DefaultAzureCredentialName[],
  options: Options,
  settings: Settings,
): Promise<readonly CredentialExplanation[]> {
  return await Promise.all(names.map(async (credential) => {
    try {
      return { credential, ...await EXPLANATIONS[credential](options, settings) };
    } catch (error) {
      const detail = (error as Error).message.replace(`${credential}: `, "");
      // What is malformed ends the chain.
      return { credential, state: isUnavailable(error) ? "missing" : "configured", detail };
    }
  }));
}

async function explainTool(tool: DeveloperTool, options: Options, settings: Settings): Promise<Explanation> {
  const folders = foldersOf(workplaceOf(options, settings));
  const fileExists = options.runtime?.fileExists?.bind(options.runtime) ?? fileFinder();
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], folders))) {
    if (await fileExists?.(path)) return { state: "unknown", detail: `"${path}"; who is signed in, only it can tell` };
  }
  const names = tool.programs.map(({ name }) => `"${name}"`).join(" or ");
  return {
    state: "missing",
    detail: `No folder of PATH that may be looked into has ${names}: Install ${tool.installation}`,
  };
}
