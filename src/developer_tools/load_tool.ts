import type { ToolClient } from "./create_tool_client.ts";
import type { ToolContext } from "./run_tool.ts";

// Each loads its module at the first call, because most programs that could use a tool get their token from an earlier
// credential.

export async function loadAzureCli(context: ToolContext, subscription?: string): Promise<ToolClient> {
  const { createAzureCliClient } = await import("./azure_cli.ts");
  return createAzureCliClient(context, subscription);
}

export async function loadAzurePowerShell(context: ToolContext): Promise<ToolClient> {
  const { createAzurePowerShellClient } = await import("./azure_powershell.ts");
  return createAzurePowerShellClient(context);
}

export async function loadAzureDeveloperCli(context: ToolContext): Promise<ToolClient> {
  const { createAzureDeveloperCliClient } = await import("./azure_developer_cli.ts");
  return createAzureDeveloperCliClient(context);
}
