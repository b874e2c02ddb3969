import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { programRunner } from "../runtime/process.ts";
import { commandLines } from "./command_lines.ts";
import { foldersOf, namesOf, pathMissing, type ToolContext } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Explains whether a tool is installed, without running it. */
export async function explainTool(tool: DeveloperTool, context: ToolContext): Promise<Explanation> {
  if (!programRunner(context.runtime)) {
    return { state: "absent", detail: 'This runtime cannot start programs: Give "runtime.run"' };
  }
  const folders = foldersOf(context);
  if (folders.path === "") {
    const { reason, nextStep } = pathMissing(tool, context);
    return { state: "absent", detail: `${reason}: ${nextStep}` };
  }
  const fileExists = fileFinder(context.runtime);
  let isDenied = false;
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], folders))) {
    const exists = await fileExists?.(path);
    isDenied ||= exists === undefined;
    if (exists) {
      return {
        state: "inconclusive",
        detail: `"${path}" is installed; only the tool itself can tell which account is signed in`,
      };
    }
  }
  if (isDenied) {
    return { state: "inconclusive", detail: `The folders of PATH may not be searched for ${namesOf(tool)}` };
  }
  return {
    state: "absent",
    detail: `No folder of PATH has the program ${namesOf(tool)}: ` +
      `Install it, see ${tool.installation}`,
  };
}
