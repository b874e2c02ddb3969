import type { ToolClient } from "./create_tool_client.ts";
import type { Workplace } from "./run_tool.ts";

// Each loads its module at the first call, because most programs that could use a tool get their token from an earlier credential.

export async function loadAzureCli(place: Workplace, subscription?: string): Promise<ToolClient> {
  const { createAzureCliClient } = await import("./azure_cli.ts");
  return createAzureCliClient(place, subscription);
}

export async function loadAzurePowerShell(place: Workplace): Promise<ToolClient> {
  const { createAzurePowerShellClient } = await import("./azure_powershell.ts");
  return createAzurePowerShellClient(place);
}

export async function loadAzureDeveloperCli(place: Workplace): Promise<ToolClient> {
  const { createAzureDeveloperCliClient } = await import("./azure_developer_cli.ts");
  return createAzureDeveloperCliClient(place);
}
