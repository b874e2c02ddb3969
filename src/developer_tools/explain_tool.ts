import type { Explanation } from "../credential_explanation.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { programRunner } from "../runtime/process.ts";
import { commandLines } from "./command_lines.ts";
import { foldersOf, namesOf, withoutPath, type Workplace } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Returns what is known of a tool without running it. */
export async function explainTool(tool: DeveloperTool, place: Workplace): Promise<Explanation> {
  if (!programRunner(place.runtime)) {
    return { state: "absent", detail: 'This runtime starts no programs: Give "runtime.run"' };
  }
  const folders = foldersOf(place);
  if (folders.path === "") {
    const { reason, nextStep } = withoutPath(tool, place);
    return { state: "absent", detail: `${reason}: ${nextStep}` };
  }
  const fileExists = fileFinder(place.runtime);
  let isHidden = false;
  for (const { path } of tool.programs.flatMap((program) => commandLines(program, [], folders))) {
    const exists = await fileExists?.(path);
    isHidden ||= exists === undefined;
    if (exists) {
      return {
        state: "inconclusive",
        detail: `"${path}" is installed; only the tool itself can tell which account is signed in`,
      };
    }
  }
  if (isHidden) {
    return { state: "inconclusive", detail: `The folders of PATH may not be searched for ${namesOf(tool)}` };
  }
  return {
    state: "absent",
    detail: `No folder of PATH has the program ${namesOf(tool)}: ` +
      `Install it, see ${tool.installation}`,
  };
}
