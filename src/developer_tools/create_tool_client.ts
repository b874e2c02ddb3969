import { type Acquire, createGetToken } from "../core/create_get_token.ts";
import { withDeadline } from "../core/deadline.ts";
import { absent, readText, runTool, type Workplace } from "./run_tool.ts";
import { type DeveloperTool, told, unavailable } from "./tool.ts";

const PATIENCE_IN_MS = 1000;
// What can be read in no other way by a command line, a shell or a script.
const SCOPE = /^[A-Za-z0-9][\w.:/-]*$/;
const TENANT = /^[A-Za-z0-9]/;

/** What asks a tool for tokens. */
export interface ToolClient {
  readonly proof: readonly string[];
  readonly acquire: Acquire;
  /** Comes with it, because nothing is asked before. */
  readonly createGetToken: typeof createGetToken;
  /** Returns who is signed in, in the tool's own words; empty where it may not be read. Absent where the tool does not tell. */
  readonly account?: () => Promise<string>;
}

/** Returns what asks a tool for tokens. */
export function createToolClient(tool: DeveloperTool, place: Workplace): ToolClient {
  const { settings, runtime } = place;
  const { now, sleep } = settings;
  const { profile } = tool;
  const account = profile === undefined ? undefined : async () => {
    const late = () => new Error("Too slow");
    try {
      return await withDeadline(() => readText(runtime, profile), { sleep, ms: PATIENCE_IN_MS, late });
    } catch {
      return "";
    }
  };
  const acquire: Acquire = async ({ scopes, tenantId, claims, signal }) => {
    const request = { scopes, tenantId, claims };
    const wrong = scopes.find((scope) => !SCOPE.test(scope)) ?? (TENANT.test(tenantId || "0") ? undefined : tenantId);
    if (wrong !== undefined) {
      throw unavailable(tool, {
        outcome: "not-for-this-call",
        reason: `${JSON.stringify(wrong)} cannot stand on a command line`,
        nextStep: 'Use letters, digits and "-_.:/" only',
      });
    }
    const sentOn = now();
    const output = await runTool(tool, tool.command(request), place, signal);
    const token = tool.read(output, request);
    if (!token) {
      throw output.code === 127 || output.code === 9009 || isNoProgram(output.stderr)
        ? absent(tool, told(output.stderr))
        : unavailable(tool, tool.explain(output, request));
    }
    if (token.expiresOnTimestamp <= now()) {
      throw unavailable(tool, {
        outcome: "inconclusive",
        reason: `Its token expired on ${new Date(token.expiresOnTimestamp).toISOString()}`,
        nextStep: "Check the clock of this machine",
      });
    }
    return { ...token, tokenType: "Bearer", acquiredOnTimestamp: sentOn };
  };

  // Of variables that were handed in, those that say where a tool keeps who is signed in.
  const places = ["HOME", "USERPROFILE", "AZD_CONFIG_DIR"].map((name) => place.variables?.[name] ?? "");
  return {
    proof: [tool.name, settings.env("PATH") ?? "", ...places, ...tool.proof],
    acquire,
    createGetToken,
    ...account && { account },
  };
}

/** Whether a shell looked for the program in vain. */
function isNoProgram(stderr: string): boolean {
  return /\b(az|azd|pwsh|powershell)(\.\w+)?['"]*(:? (command )?not found| is not recognized)/i.test(stderr);
}
