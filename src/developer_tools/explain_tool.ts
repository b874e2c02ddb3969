import type { Explanation } from "../credential_explanation.ts";
import { commandLines } from "./command_lines.ts";
import { findFile, foldersOf, namesOf, type Workplace } from "./run_tool.ts";
import type { DeveloperTool } from "./tool.ts";

/** Returns what is known of a tool without running it. */
export async function explainTool(tool: DeveloperTool, place: Workplace): Promise<Explanation> {
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
