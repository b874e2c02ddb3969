import type { Settings } from "../core/settings.ts";
import type { Explanation } from "../credential_explanation.ts";
import type { DeveloperToolCredentialOptions } from "../options.ts";
import { azureCli, hasProfile } from "./azure_cli.ts";
import { azureDeveloperCli } from "./azure_developer_cli.ts";
import { azurePowerShell } from "./azure_powershell.ts";
import { commandLines } from "./command_lines.ts";
import { workplaceOf } from "./create_tool_get_token.ts";
import { findFile, foldersOf, namesOf, type Workplace } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Returns what is known of the Azure CLI without running it. */
export async function explainAzureCli(
  options: DeveloperToolCredentialOptions,
  settings: Settings,
): Promise<Explanation> {
  const place = workplaceOf(options, settings);
  const tool = azureCli(place);
  const found = await explainTool(tool, place);
  if (found.state === "missing") return found;
  return await hasProfile(place.runtime, settings)
    ? { state: "configured", detail: `Somebody has signed in: "${tool.profile}"` }
    : { state: "missing", detail: `Nobody has signed in, or "${tool.profile}" may not be read: Run "az login"` };
}

/** Returns what is known of Azure PowerShell without running it. */
export async function explainAzurePowerShell(
  options: DeveloperToolCredentialOptions,
  settings: Settings,
): Promise<Explanation> {
  return await explainTool(azurePowerShell(), workplaceOf(options, settings));
}

/** Returns what is known of the Azure Developer CLI without running it. */
export async function explainAzureDeveloperCli(
  options: DeveloperToolCredentialOptions,
  settings: Settings,
): Promise<Explanation> {
  return await explainTool(azureDeveloperCli(), workplaceOf(options, settings));
}

async function explainTool(tool: DeveloperTool, place: Workplace): Promise<Explanation> {
  const fileExists = findFile(place.runtime);
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], foldersOf(place)))) {
    if (await fileExists?.(path)) return { state: "unknown", detail: `"${path}"; who is signed in, only it can tell` };
  }
  return {
    state: "missing",
    detail: `No folder of PATH that may be looked into has the program ${namesOf(tool)}: ` +
      `Install it, see ${tool.installation}`,
  };
}
