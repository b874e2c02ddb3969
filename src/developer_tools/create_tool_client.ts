import { bound } from "../core/bound.ts";
import { type Acquire, createGetToken } from "../core/create_get_token.ts";
import { withDeadline } from "../core/deadline.ts";
import { processVariables } from "../runtime/process_variables.ts";
import { absent, foldersOf, handedIn, readText, runTool, type Workplace } from "./run_tool.ts";
import { type DeveloperTool, told, unavailable } from "./tool.ts";

const PATIENCE_IN_MS = 1000;
// What can be read in no other way by a command line, a shell or a script.
const SCOPE = /^[A-Za-z0-9][\w.:/-]*$/;
const TENANT = /^[A-Za-z0-9]/;

/** The variables of the process that may change whose token a tool gives, or of which cloud. */
const DECIDING = /^(?:PATH|HOME|USERPROFILE|(?:AZURE|AZD|ARM)_.*)$/is;
/** Those of them that tools are known to read and that hold no secret. */
const PUBLIC_VARIABLES = [
  ...["PATH", "HOME", "USERPROFILE", "AZURE_CONFIG_DIR", "AZURE_CLOUD_NAME", "AZURE_EXTENSION_DIR"],
  ...["AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZD_CONFIG_DIR", "AZD_AUTH_ENDPOINT"],
];
/** What is read where not all variables may be. */
const KNOWN_VARIABLES = [...PUBLIC_VARIABLES, "AZD_AUTH_KEY", "ARM_CLOUD_METADATA_URL"];

/** What decides whose token a tool gives, besides who is signed in. */
export interface ToolEnvironment {
  readonly proof: readonly string[];
  /**
   * Whether a cache that other processes read may hold a digest of it. Not where a variable may be a secret, which could be guessed from the
   * digest, and not where variables may not be read.
   */
  readonly isPublic: boolean;
}

/** What asks a tool for tokens. */
export interface ToolClient {
  /** Returns what the tool would be started with now. */
  readonly environment: () => ToolEnvironment;
  readonly acquire: Acquire;
  /** Comes with it, because nothing is asked before. */
  readonly createGetToken: typeof createGetToken;
  /** Returns who is signed in, in the tool's own words; empty where the tool does not tell, or it may not be read. */
  readonly account: () => Promise<string>;
}

/** Returns what asks a tool for tokens. */
export function createToolClient(tool: DeveloperTool, place: Workplace): ToolClient {
  const { settings, runtime } = place;
  const { now, sleep } = settings;

  async function account(): Promise<string> {
    const profile = tool.profile?.();
    if (profile === undefined) return "";
    const late = () => new Error("Too slow");
    try {
      return await withDeadline(() => readText(runtime, profile), { sleep, ms: PATIENCE_IN_MS, late });
    } catch {
      return "";
    }
  }

  function environment(): ToolEnvironment {
    const handed = handedIn(tool, place);
    // Variables of the process are inherited, unless all were handed in.
    const { variables, isComplete } = place.variables
      ? { variables: {}, isComplete: true }
      : processVariables((name) => DECIDING.test(name), KNOWN_VARIABLES);
    const entries = Object.entries({ ...variables, ...handed }).sort();
    const { path, systemRoot = "" } = foldersOf(place);
    return {
      proof: [tool.name, ...tool.proof, path, systemRoot, ...entries.flat()],
      isPublic: isComplete && entries.every(([name]) => PUBLIC_VARIABLES.includes(name.toUpperCase())),
    };
  }

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

  return { environment, acquire, createGetToken, account };
}

/** Whether a shell looked for the program in vain. */
function isNoProgram(stderr: string): boolean {
  return /\b(az|azd|pwsh|powershell)(\.\w+)?['"]*(:? (command )?not found| is not recognized)/i.test(bound(stderr));
}
