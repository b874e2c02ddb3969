import { toSingleLine } from "../core/error_response.ts";
import { bound } from "../core/bound.ts";
import { parseObject } from "../core/json.ts";
import { CredentialUnavailableError, type UnavailableOutcome } from "../errors.ts";
import type { CommandOutput } from "../runtime/runtime.ts";
import type { Program } from "./command_lines.ts";

/** The parameters of a token request. */
export interface ToolRequest {
  readonly scopes: readonly string[];
  /** `""` for the tool's default. */
  readonly tenantId: string;
  readonly claims: string | undefined;
}

/** The command that requests a token. */
export interface ToolCommand {
  readonly args: readonly string[];
  /** Environment variables, in addition to those of the process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The token that a tool returned. */
export interface ToolToken {
  readonly token: string;
  /** When it expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
}

/** A developer tool that an account is signed in to. */
export interface DeveloperTool {
  /** The name in messages: "Azure CLI". */
  readonly name: string;
  /** The names of its program. The first that can be started is used. */
  readonly programs: readonly Program[];
  /** The variables that decide where it is, and where it keeps its accounts. */
  readonly variables: readonly string[];
  /** The URL of the installation instructions. */
  readonly installation: string;
  /** Values that partition the cache, in addition to its variables and its account. */
  readonly cacheIdentity: readonly string[];
  /** Returns the path of the file with the account, if there is one that only a sign-in changes. */
  profile?(): string | undefined;
  /**
   * Returns the command for a request. Throws a `CredentialUnavailableError` if the tool does not support the request.
   */
  command(request: ToolRequest): ToolCommand;
  /** Returns the token in an output; `undefined` if it has none. Throws if it has one that is not for the request. */
  read(output: CommandOutput, request: ToolRequest): ToolToken | undefined;
  /** Explains why an output has no token, and what to do. */
  explain(output: CommandOutput, request: ToolRequest): ToolFailure;
}

/** The part of a tool that is needed to run it. */
export type ToolProgram = Pick<DeveloperTool, "name" | "programs" | "variables" | "installation">;

/** The reason why there is no token, what a chain may conclude, and the next step. */
export interface ToolFailure {
  readonly outcome: UnavailableOutcome;
  readonly reason: string;
  readonly nextStep: string;
}

/**
 * Returns the error of a tool that returned no token. A chain tries the tool again when the token that it uses instead
 * has to be renewed.
 */
export function unavailable({ name }: Pick<DeveloperTool, "name">, failure: ToolFailure): Error {
  const { outcome, reason, nextStep } = failure;
  return new CredentialUnavailableError(`Cannot get a token from ${name}: ${reason}`, {
    outcome,
    nextStep,
    recheckAfterInMs: Infinity,
  });
}

/** Returns the error of a tool that accepts claims in its sign-in command only. */
export function claimsRefused(tool: Pick<DeveloperTool, "name">, command: string): Error {
  const reason = "It accepts claims at sign-in only";
  return unavailable(tool, { outcome: "not-for-this-call", reason, nextStep: `Run ${command}` });
}

/** Returns the resource of the only scope. Throws a `CredentialUnavailableError` if there are several. */
export function resourceOf({ scopes }: ToolRequest, tool: Pick<DeveloperTool, "name">): string {
  const [scope, second] = scopes;
  if (second === undefined) return scope!.replace(/\/\.default$/, "");
  throw unavailable(tool, {
    outcome: "not-for-this-call",
    reason: "It returns tokens for one scope at a time",
    nextStep: "Request one scope per call",
  });
}

const MAX_CANDIDATES = 100;

/** A secret with its name. */
const NAMED_SECRET =
  /((?:client_?secret|(?:access|refresh|id)_?token|password|authorization_?code)["']?\s*[:=]\s*["']?)[^\s"',}]+/gi;
/** Text that looks like a token or a key: a JWT or a long word, which a narrow terminal may have wrapped. */
const SECRET_LIKE = [
  /\beyJ[\w-]+(\.[\w-]*)*( [\w.-]{16,})*/g,
  /[\w+/=~-]{64,}/g,
  /(?<![\w+/=~-])[\w+/=~-]{40,}( [\w+/=~.-]{16,})+/g,
];
/** A value in the query of a URL that looks like a secret. */
const QUERY_VALUE = /([?&][\w.-]+=)[^\s&"']{24,}/g;

/** Returns the output of a tool as one line, without text that looks like a token or a key. */
export function sanitizeOutput(output: string): string {
  const beginning = bound(output);
  const words = beginning.replace(/\s+/g, " ").trim();
  // The last word may be the beginning of a secret, too short to look like one.
  const whole = beginning === output ? words : words.slice(0, words.lastIndexOf(" "));
  const named = whole.replace(NAMED_SECRET, "$1[redacted]").replace(QUERY_VALUE, "$1[redacted]");
  return toSingleLine(SECRET_LIKE.reduce((line, secret) => line.replace(secret, "[redacted]"), named)).replace(
    /\.$/,
    "",
  );
}

/**
 * Returns the JSON objects among strings. Parses the first hundred candidates only, because an attempt that fails is
 * expensive.
 */
export function objectsIn(strings: readonly string[]): Record<string, unknown>[] {
  const candidates = strings.filter((string) => string.trimStart().startsWith("{")).slice(0, MAX_CANDIDATES);
  return candidates.map(parseObject).filter((object) => object !== undefined);
}

/** Returns the failure of a tool whose output has no known meaning. */
export function otherFailure({ code, stdout }: CommandOutput, detail: string, command: string): ToolFailure {
  const reason = detail || (stdout.trim() ? "Its output is not the JSON of a token" : "It wrote no message");
  return {
    outcome: "inconclusive",
    reason: code === 0 ? reason : `It ended with exit code ${code}: ${reason}`,
    nextStep: `Run "${command}" by hand to see whether it works`,
  };
}
