import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { programRunner } from "../runtime/process.ts";
import { commandLines } from "./command_lines.ts";
import { foldersOf, namesOf, notFound, pathMissing, type ToolContext } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Explains whether a tool is installed, without running it. */
export async function explainTool(tool: DeveloperTool, context: ToolContext): Promise<Explanation> {
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

/** Returns the path of a tool's program; `""` if no folder has it, `undefined` if a folder may not be searched. */
export async function findProgram(tool: DeveloperTool, context: ToolContext): Promise<string | undefined> {
  const fileExists = fileFinder(context.runtime);
  let missing: "" | undefined = "";
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], foldersOf(context)))) {
    const exists = await fileExists?.(path);
    if (exists) return path;
    if (exists === undefined) missing = undefined;
  }
  return missing;
}
