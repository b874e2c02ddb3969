import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { programRunner } from "../runtime/process.ts";
import { azureCli, hasAccount, noAccount, profilePath } from "./azure_cli.ts";
import { azureDeveloperCli } from "./azure_developer_cli.ts";
import { azurePowerShell } from "./azure_powershell.ts";
import { findProgram, foldersOf, namesOf, notFound, pathMissing, readText, type ToolContext } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Explains whether the Azure CLI can return a token, without running it. */
export async function explainAzureCli(context: ToolContext): Promise<Explanation> {
  const tool = azureCli(context, undefined);
  const found = await explainTool(tool, context);
  if (found.state === "absent") return found;
  const path = profilePath(context);
  if (path === undefined) {
    return { state: "inconclusive", detail: "The folder of the profile with the signed-in account is not known" };
  }
  const exists = await fileFinder(context.runtime)?.(path);
  const profile = exists ? await readText(context.runtime, path).catch(() => undefined) : "";
  if (exists === undefined || profile === undefined) {
    return { state: "inconclusive", detail: `The profile with the signed-in account, "${path}", cannot be read` };
  }
  // The Azure CLI writes its profile again if it is missing or empty.
  switch (profile === "" ? false : hasAccount(profile)) {
    case true:
      return { state: "configured", detail: `An account is signed in: "${path}"` };
    case false:
      return { state: "absent", detail: `${noAccount(path)}: Run "az login"` };
    default:
      return { state: "inconclusive", detail: `The profile with the signed-in account, "${path}", is malformed` };
  }
}

/** Explains whether Azure PowerShell can return a token, without running it. */
export async function explainAzurePowerShell(context: ToolContext): Promise<Explanation> {
  return await explainTool(azurePowerShell(), context);
}

/** Explains whether the Azure Developer CLI can return a token, without running it. */
export async function explainAzureDeveloperCli(context: ToolContext): Promise<Explanation> {
  return await explainTool(azureDeveloperCli(), context);
}

/** Explains whether a tool is installed, without running it. */
async function explainTool(tool: DeveloperTool, context: ToolContext): Promise<Explanation> {
  if (!programRunner(context.runtime)) {
    return { state: "absent", detail: 'This runtime cannot start programs: Pass the option "runtime.run"' };
  }
  if (foldersOf(context).path === "") {
    const { reason, nextStep } = pathMissing(tool, context);
    return { state: "absent", detail: `${reason}: ${nextStep}` };
  }
  const path = await findProgram(tool, context);
  if (path === undefined) {
    return { state: "inconclusive", detail: `The folders of PATH cannot be searched for ${namesOf(tool)}` };
  }
  if (path === "") {
    const { reason, nextStep } = notFound(tool);
    return { state: "absent", detail: `${reason}: ${nextStep}` };
  }
  return {
    state: "inconclusive",
    detail: `"${path}" is installed; only the tool itself can tell which account is signed in`,
  };
}
