import type { Acquire } from "../core/create_get_token.ts";
import { withDeadline } from "../core/deadline.ts";
import { fileFinder } from "../runtime/file_exists.ts";
import { textFileReader } from "../runtime/files.ts";
import { absent, runTool, type Workplace } from "./run_tool.ts";
import { type DeveloperTool, unavailable } from "./tool.ts";

const PATIENCE_IN_MS = 1000;
// What can be read in no other way by a command line, a shell or a script.
const SCOPE = /^[A-Za-z0-9][\w.:/-]*$/;
const TENANT = /^[A-Za-z0-9]/;

/** What asks a tool for tokens. */
export interface ToolClient {
  readonly proof: readonly string[];
  readonly acquire: Acquire;
  /** Returns who is signed in, in the tool's own words; empty where it may not be read. Absent where the tool does not tell. */
  readonly account?: () => Promise<string>;
}

/** Returns what asks a tool for tokens. */
export function createToolClient(tool: DeveloperTool, place: Workplace): ToolClient {
  const { settings, runtime } = place;
  const { now, sleep } = settings;
  const { profile } = tool;
  const acquire: Acquire = async ({ scopes, tenantId, claims, signal }) => {
    const request = { scopes, tenantId, claims };
    const wrong = scopes.find((scope) => !SCOPE.test(scope)) ?? (TENANT.test(tenantId || "0") ? undefined : tenantId);
    if (wrong !== undefined) {
      throw unavailable(tool, {
        reason: `${JSON.stringify(wrong)} cannot stand on a command line`,
        nextStep: 'Use letters, digits and "-_.:/" only',
      });
    }
    const sentOn = now();
    const output = await runTool(tool, tool.command(request), place, signal);
    const token = tool.read(output, request);
    if (!token) {
      throw output.code === 127 || output.code === 9009 || isNoProgram(output.stderr)
        ? absent(tool)
        : unavailable(tool, tool.explain(output, request));
    }
    if (token.expiresOnTimestamp <= now()) {
      throw unavailable(tool, {
        reason: `Its token expired on ${new Date(token.expiresOnTimestamp).toISOString()}`,
        nextStep: "Check the clock of this machine",
      });
    }
    return { ...token, tokenType: "Bearer", acquiredOnTimestamp: sentOn };
  };

  /** Reads it where nobody is asked for permission. */
  async function readProfile(path: string): Promise<string> {
    const fileExists = runtime.fileExists ? runtime.fileExists.bind(runtime) : fileFinder();
    const readTextFile = runtime.readTextFile ? runtime.readTextFile.bind(runtime) : textFileReader();
    return await fileExists?.(path) ? await readTextFile?.(path) ?? "" : "";
  }

  async function account(): Promise<string> {
    const late = () => new Error("Too slow");
    try {
      return await withDeadline(() => readProfile(profile!), { sleep, ms: PATIENCE_IN_MS, late });
    } catch {
      return "";
    }
  }

  return { proof: [tool.name, settings.env("PATH") ?? "", ...tool.proof], acquire, ...profile && { account } };
}

/** Whether a shell looked for the program in vain. */
function isNoProgram(stderr: string): boolean {
  return /\b(az|azd|pwsh|powershell)(\.\w+)?['"]?:? (command )?not found|is not recognized/i.test(stderr);
}
