import { bound } from "../core/bound.ts";
import { type Acquire, createGetToken } from "../core/get_token.ts";
import { withTimeout } from "../core/timeout.ts";
import { processVariables } from "../runtime/process_variables.ts";
import type { CommandOutput } from "../runtime/runtime.ts";
import {
  findProgram,
  foldersOf,
  givenVariables,
  notFound,
  notInstalled,
  readText,
  runTool,
  type ToolContext,
} from "./run_tool.ts";
import {
  type DeveloperTool,
  sanitizeOutput,
  type ToolCommand,
  type ToolRequest,
  unavailable,
  withoutEscapes,
} from "./tool.ts";

const PROFILE_TIMEOUT_IN_MS = 1000;
// Values that no command line, shell or script can interpret in another way.
const SCOPE = /^[A-Za-z0-9][\w.:/-]*$/;
const TENANT = /^[A-Za-z0-9]/;

/** The variables of the process that may change the account or the cloud of a tool. */
const DECIDING = /^(?:PATH|HOME|USERPROFILE|(?:AZURE|AZD|ARM)_.*)$/is;
/** The variables that tools are known to read and that contain no secret. */
const PUBLIC_VARIABLES = [
  ...["PATH", "HOME", "USERPROFILE", "AZURE_CONFIG_DIR", "AZURE_CLOUD_NAME", "AZURE_EXTENSION_DIR"],
  ...["AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZD_CONFIG_DIR", "AZD_AUTH_ENDPOINT"],
];
/** The variables that are read if the process may not list all. */
const KNOWN_VARIABLES = [...PUBLIC_VARIABLES, "AZD_AUTH_KEY", "ARM_CLOUD_METADATA_URL"];

/** The environment of a tool, which determines its account and its cloud. */
export interface ToolEnvironment {
  readonly cacheIdentity: readonly string[];
  /**
   * Whether a digest of it may be in a cache that other processes read: `false` if a variable may be a secret, which
   * could be guessed from the digest, or if variables may not be read.
   */
  readonly isPublic: boolean;
}

/** Acquires tokens from a tool. */
export interface ToolClient {
  /** Returns the environment that the tool would be started with now. */
  readonly environment: () => ToolEnvironment;
  /** Acquires a token, given the text that `account` has returned. */
  readonly acquire: (request: Parameters<Acquire>[0], profile: string) => ReturnType<Acquire>;
  /** Part of the client, so that it is loaded with it. */
  readonly createGetToken: typeof createGetToken;
  /**
   * Returns the text of the tool's profile, which changes with the account; `""` if the tool has none, or it may not be
   * read.
   */
  readonly account: () => Promise<string>;
}

/** Returns the client of a tool. */
export function createToolClient(tool: DeveloperTool, context: ToolContext): ToolClient {
  const { settings, runtime } = context;
  const { now, sleep } = settings;

  async function account(): Promise<string> {
    const profile = tool.profile?.();
    if (profile === undefined) return "";
    const onTimeout = () => new Error("The profile was not read in time");
    try {
      return await withTimeout(() => readText(runtime, profile), { sleep, ms: PROFILE_TIMEOUT_IN_MS, onTimeout });
    } catch {
      return "";
    }
  }

  function environment(): ToolEnvironment {
    const given = givenVariables(tool, context);
    // A program inherits the variables of the process, unless `options.env` replaces all.
    const { variables, isComplete } = context.variables
      ? { variables: {}, isComplete: true }
      : processVariables((name) => DECIDING.test(name), KNOWN_VARIABLES);
    const entries = Object.entries({ ...variables, ...given }).sort();
    const { path, systemRoot = "" } = foldersOf(context);
    return {
      cacheIdentity: [tool.name, ...tool.cacheIdentity, path, systemRoot, ...entries.flat()],
      isPublic: isComplete && entries.every(([name]) => PUBLIC_VARIABLES.includes(name.toUpperCase())),
    };
  }

  async function run(command: ToolCommand, signal: AbortSignal, elapsedInMs: number): Promise<CommandOutput> {
    const { code, stdout, stderr } = await runTool(tool, command, context, { signal, elapsedInMs });
    return { code, stdout: withoutEscapes(stdout), stderr: withoutEscapes(stderr) };
  }

  /** Returns the error for an output in which something is missing. */
  function failureOf(output: CommandOutput, request: ToolRequest, missing: string): Error {
    const { code, stdout } = output;
    const isEmpty = stdout.trim() === "";
    const nothing = code === 0 ? "Its output is empty" : "It wrote no message";
    // After a success, the warnings of a tool do not explain why its output has no token.
    const stderr = code === 0 ? errorsIn(output.stderr) : output.stderr;
    // A wrapper may hide the exit code of its shell.
    const ofShell = isEmpty ? output.stderr : stderr;
    return code === 127 || code === 9009 || isNoProgram(ofShell)
      ? notInstalled(tool, sanitizeOutput(ofShell))
      : unavailable(tool, tool.explain({ code, stdout, stderr }, request, isEmpty ? nothing : missing));
  }

  async function acquire(
    { scopes, tenantId, claims, signal }: Parameters<Acquire>[0],
    profile: string,
  ): ReturnType<Acquire> {
    const request = { scopes, tenantId, claims };
    const invalid = scopes.find((scope) => !SCOPE.test(scope)) ?? (TENANT.test(tenantId || "0") ? undefined : tenantId);
    if (invalid !== undefined) {
      throw unavailable(tool, {
        outcome: "not-for-this-call",
        reason: `${JSON.stringify(invalid)} cannot be part of a command line`,
        nextStep: 'Use letters, digits and "-_.:/" only',
      });
    }
    let command = tool.command(request);
    const signedOut = tool.signedOut?.(profile, request);
    if (signedOut) {
      if (await findProgram(tool, context).catch(() => undefined) !== "") throw unavailable(tool, signedOut);
      const failure = notFound(tool);
      throw unavailable(tool, { ...failure, reason: `${signedOut.reason}: ${failure.reason}` });
    }
    const sentOn = now();
    let output = await run(command, signal, 0);
    const second = tool.commandAfter?.(output, request);
    if (second) output = await run(command = second, signal, now() - sentOn);
    const token = tool.read(output, request, command);
    if (typeof token === "string") throw failureOf(output, request, token);
    if (token.expiresOnTimestamp <= now()) {
      throw unavailable(tool, {
        outcome: "inconclusive",
        reason: `Its token expired on ${new Date(token.expiresOnTimestamp).toISOString()}`,
        nextStep: "Check the clock of this machine",
      });
    }
    return { ...token, tokenType: "Bearer", acquiredOnTimestamp: sentOn };
  }

  return { environment, acquire, createGetToken, account };
}

function errorsIn(stderr: string): string {
  return stderr.split("\n").filter((line) => /\bERROR\b|AADSTS/.test(bound(line))).join("\n");
}

/**
 * Whether a shell reports that it has not found the program. Microsoft Entra reports a tenant such as "contoso.az" in
 * the same words.
 */
function isNoProgram(stderr: string): boolean {
  const text = bound(stderr);
  return !text.includes("AADSTS") &&
    /(?<![\w.-])(az|azd|pwsh|powershell)(\.\w+)?['"]*(:? (command )?not found| is not recognized)/i.test(text);
}
