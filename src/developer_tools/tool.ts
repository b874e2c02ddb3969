import { tidy } from "../core/answer_error.ts";
import { bound } from "../core/bound.ts";
import { parseObject } from "../core/json.ts";
import { CredentialUnavailableError, type UnavailableOutcome } from "../errors.ts";
import type { CommandOutput } from "../runtime/runtime.ts";
import type { Program } from "./command_lines.ts";

/** What one token is requested with. */
export interface ToolRequest {
  readonly scopes: readonly string[];
  /** Empty for the tool's own choice. */
  readonly tenantId: string;
  readonly claims: string | undefined;
}

/** What a tool is asked by. */
export interface ToolCommand {
  readonly args: readonly string[];
  /** Variables besides those of the process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a tool gave. */
export interface ToolToken {
  readonly token: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
}

/** A program that a developer has signed in with. */
export interface DeveloperTool {
  /** As a message says it: "Azure CLI". */
  readonly name: string;
  /** The first that can be started is it. */
  readonly programs: readonly Program[];
  /** The variables that say where it is, and where it keeps who is signed in. */
  readonly variables: readonly string[];
  /** Where to get it. */
  readonly installation: string;
  /** What sets its tokens apart besides its variables and who is signed in. */
  readonly proof: readonly string[];
  /** Returns the path of the file that says who is signed in, where there is one that only signing in changes. */
  profile?(): string | undefined;
  /** Returns what to ask by. Throws a `CredentialUnavailableError` where the tool cannot be asked for that. */
  command(request: ToolRequest): ToolCommand;
  /** Returns the token of an answer; `undefined` where it holds none. Throws where it holds one that is not usable. */
  read(output: CommandOutput, request: ToolRequest): ToolToken | undefined;
  /** Says why an answer holds no token, and what to do. */
  explain(output: CommandOutput, request: ToolRequest): ToolFailure;
}

/** Why there is no token, what a chain may conclude, and what to do. */
export interface ToolFailure {
  readonly outcome: UnavailableOutcome;
  readonly reason: string;
  readonly nextStep: string;
}

/** Returns the error of a tool that returned no token. A tool that failed is tried again when the token used instead has to be renewed. */
export function unavailable({ name }: Pick<DeveloperTool, "name">, failure: ToolFailure): Error {
  const { outcome, reason, nextStep } = failure;
  return new CredentialUnavailableError(`Cannot get a token from ${name}: ${reason}`, {
    outcome,
    nextStep,
    recheckAfterInMs: Infinity,
  });
}

/** Returns the error of a tool that accepts claims by its sign-in command only. */
export function claimsRefused(tool: Pick<DeveloperTool, "name">, command: string): Error {
  const reason = "It accepts claims at sign-in only";
  return unavailable(tool, { outcome: "not-for-this-call", reason, nextStep: `Run ${command}` });
}

/** Returns the resource of the one scope. Throws a `CredentialUnavailableError` where there are several. */
export function resourceOf({ scopes }: ToolRequest, tool: Pick<DeveloperTool, "name">): string {
  const [scope, second] = scopes;
  if (second === undefined) return scope!.replace(/\/\.default$/, "");
  throw unavailable(tool, {
    outcome: "not-for-this-call",
    reason: "It gives tokens for one scope at a time",
    nextStep: "Ask for one scope a call",
  });
}

const MAX_CANDIDATES = 100;

/** What carries a secret by its name. */
const NAMED =
  /((?:client_?secret|(?:access|refresh|id)_?token|password|authorization_?code)["']?\s*[:=]\s*["']?)[^\s"',}]+/gi;
/** What looks like a token or a key: a JWT, a long word, or a value in a URL. A narrow terminal breaks them into lines. */
const LOOKS_SECRET = [
  /\beyJ[\w-]+(\.[\w-]*)*( [\w.-]{16,})*/g,
  /[\w+/=~-]{64,}/g,
  /(?<![\w+/=~-])[\w+/=~-]{40,}( [\w+/=~.-]{16,})+/g,
];
const IN_URL = /([?&][\w.-]+=)[^\s&"']{24,}/g;

/** Returns what a tool said as one line. What looks like a token or a key does not come through. */
export function told(text: string): string {
  const beginning = bound(text);
  const words = beginning.replace(/\s+/g, " ").trim();
  // The last word may be half a secret, too short to look like one.
  const whole = beginning === text ? words : words.slice(0, words.lastIndexOf(" "));
  const named = whole.replace(NAMED, "$1[redacted]").replace(IN_URL, "$1[redacted]");
  return tidy(LOOKS_SECRET.reduce((line, secret) => line.replace(secret, "[redacted]"), named)).replace(/\.$/, "");
}

/** Returns the JSON objects among texts. Looks at the first hundred that begin like one: an attempt that fails costs much. */
export function objectsIn(texts: readonly string[]): Record<string, unknown>[] {
  const candidates = texts.filter((text) => text.trimStart().startsWith("{")).slice(0, MAX_CANDIDATES);
  return candidates.map(parseObject).filter((object) => object !== undefined);
}

/** What is left to say where a tool's words tell nothing in particular. */
export function otherFailure({ code, stdout }: CommandOutput, said: string, command: string): ToolFailure {
  const reason = said || (stdout.trim() ? "Its answer is not the JSON of a token" : "It said nothing");
  return {
    outcome: "inconclusive",
    reason: code === 0 ? reason : `It ended with ${code}: ${reason}`,
    nextStep: `Run "${command}" by hand to see whether it works`,
  };
}
