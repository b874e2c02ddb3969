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
  /** Whether the command omits the requested tenant, so that the output must contain it. */
  readonly omitsTenant?: boolean;
}

/** The token that a tool returned. */
export interface ToolToken {
  readonly token: string;
  /** When it expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
}

/** A developer tool in which an account can be signed in. */
export interface DeveloperTool {
  /** The name in messages: "Azure CLI". */
  readonly name: string;
  /** The names of its program. The first that can be started is used. */
  readonly programs: readonly Program[];
  /** The variables that determine the folders of the program and of its accounts. */
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
  /** Returns the failure, if the text of its profile proves that no account is signed in. */
  signedOut?(profile: string, request: ToolRequest): ToolFailure | undefined;
  /** Returns a second command, if the output shows that the tool refuses the first one for the account. */
  commandAfter?(output: CommandOutput, request: ToolRequest): ToolCommand | undefined;
  /** Returns the token in an output, or what is missing in it. Throws if the token is not for the request. */
  read(output: CommandOutput, request: ToolRequest, command: ToolCommand): ToolToken | string;
  /** Explains why an output has no token, and what to do. The tool may not have written a reason. */
  explain(output: CommandOutput, request: ToolRequest, missing: string): ToolFailure;
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
    ...outcome === "inconclusive" && { recheckAfterInMs: Infinity },
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

const MAX_OUTPUT = 1_048_576;
/** Maximum depth of an object, more than any output has. */
const MAX_DEPTH = 8;
/** Maximum number of characters that are read while an object is searched, each at most once for each level. */
const MAX_READ = MAX_OUTPUT * MAX_DEPTH;

/**
 * The rest of an escape sequence of a terminal (ECMA-48, ECMA-35) behind its first character: of a control sequence,
 * such as a colour, an operating system command, or the choice of a character set.
 */
// deno-lint-ignore no-control-regex
const ESCAPE_SEQUENCE = /^(?:\[[ -?]*[@-~]?|\][^\x07]*\x07?|\\|[ -/]+[0-~]?)/;

/** A secret with its name, which is also part of the name of a cmdlet. */
const NAMED_SECRET =
  /(?<!Get-Az)((?:client_?secret|(?:access|refresh|id)_?token|password|authorization_?code)["']?\s*[:=]\s*["']?)[^\s"',}]+/gi;
/**
 * Text that looks like a token or a key: a word after its authentication scheme; a JWT or a long word, which a narrow
 * terminal may have wrapped.
 */
const SECRET_LIKE = [
  /(?<=\b(?:bearer|basic) )[\w+/=~.-]{20,}/gi,
  /\beyJ[\w-]+(\.[\w-]*)*( [\w.-]{16,})*/g,
  /[\w+/=~-]{64,}/g,
  /(?<![\w+/=~-])[\w+/=~-]{40,}( [\w+/=~.-]{16,})+/g,
];
/** A link; if it has a query or a fragment, with what may be the rest of a value that a narrow terminal has wrapped. */
const LINK = /([a-z][a-z\d+.-]{1,15}:\/\/[^\s"'<>`?#]*(?:[?#][^\s"'<>`]*(?: [\w+/=~.%&-]{16,})*)?)/i;

/** Returns an output without the escape sequences of a terminal. */
export function withoutEscapes(output: string): string {
  const [first, ...others] = output.slice(0, MAX_OUTPUT).split("\x1b");
  const texts = others.map((text) => text.slice(ESCAPE_SEQUENCE.exec(bound(text))?.[0].length));
  return [first, ...texts].join("");
}

/** Returns the output of a tool as one line, without text that looks like a token or a key. */
export function sanitizeOutput(output: string): string {
  const beginning = bound(output);
  const words = beginning.replace(/\s+/g, " ").trim();
  // The last word may be the beginning of a secret, too short to look like one.
  const whole = beginning === output ? words : words.slice(0, words.lastIndexOf(" "));
  const parts = whole.replace(NAMED_SECRET, "$1[redacted]").split(LINK);
  // `split` puts the links at the odd indexes.
  const line = parts.map((part, index) => index % 2 ? redactLink(part) : redactSecrets(part)).join("");
  return toSingleLine(line).replace(/\.$/, "");
}

function redactSecrets(text: string): string {
  return SECRET_LIKE.reduce((text, secret) => text.replace(secret, "[redacted]"), text);
}

/**
 * Redacts the user info, the values of the query and the fragment of a link; of its origin and its path, the parts that
 * look like a token or a key.
 */
function redactLink(link: string): string {
  const start = link.indexOf("://") + 3;
  const [resource = "", ...fragments] = link.slice(start).split("#");
  const [location = "", ...queries] = resource.split("?");
  const [authority = "", ...segments] = location.split(/[/\\]/);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const query = queries.join("?").split("&").map((pair) => {
    const [name = ""] = /^[\w.-]{1,40}=/.exec(pair) ?? [];
    return pair.length > name.length ? `${name}[redacted]` : name;
  });
  return [
    link.slice(0, start),
    host.length < authority.length ? "[redacted]@" : "",
    /[^.-]{40,}/.test(host) ? "[redacted]" : host,
    ...segments.map((segment) => isSecretLike(segment) ? "/[redacted]" : `/${segment}`),
    queries.length > 0 ? `?${query.join("&")}` : "",
    fragments.join("#") ? "#[redacted]" : "",
  ].join("");
}

/** Whether a segment of a path looks like a token or a key, and not like words with hyphens or an id. */
function isSecretLike(segment: string): boolean {
  return segment.startsWith("eyJ") || segment.length > 40 && /[^._-]{24,}/.test(segment);
}

/** Returns the first JSON object with the member in an output, which may have other text. */
export function objectIn(output: string, member: string): Record<string, unknown> | undefined {
  for (let start = output.indexOf("{"), read = 0; start >= 0 && read <= MAX_READ;) {
    const end = endOfObject(output, start);
    read += (end ?? output.length) - start;
    const isCandidate = output.slice(start, end ?? start).includes(`"${member}"`);
    const object = isCandidate ? parseObject(output.slice(start, end)) : undefined;
    if (object?.[member] !== undefined) return object;
    start = output.indexOf("{", end === undefined || isCandidate ? start + 1 : end);
  }
  return undefined;
}

/** Returns the index behind the object that begins at the start; `undefined` if it does not end, or is too deep. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let isString = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (isString && character === "\\") i++;
    else if (character === '"') isString = !isString;
    else if (isString) continue;
    else if (character === "{" && ++depth > MAX_DEPTH) return undefined;
    else if (character === "}" && --depth === 0) return i + 1;
  }
  return undefined;
}

/** Returns the object with the token in an output; else the object that is the whole output, if it is one. */
export function tokenObjectIn(output: string, member: string): Record<string, unknown> | undefined {
  return objectIn(output, member) ?? parseObject(output.trim());
}

/** Returns the token of an object that a tool wrote, or what is missing in it. */
export function tokenOf(
  object: Record<string, unknown> | undefined,
  member: string,
  expiry: { readonly members: string; readonly timestamp: number | undefined },
): ToolToken | string {
  if (!object) return "Its output is not the JSON of a token";
  const token = object[member];
  if (typeof token !== "string" || token === "") return `The token is missing: Its output has no "${member}"`;
  const { members, timestamp } = expiry;
  if (timestamp === undefined) return `The expiry time is missing: Its output has no valid ${members}`;
  return { token, expiresOnTimestamp: timestamp };
}

/** Returns the failure of a tool whose output has no known meaning. */
export function otherFailure({ code }: CommandOutput, reason: string, command: string): ToolFailure {
  return {
    outcome: "inconclusive",
    reason: code === 0 ? reason : `It ended with exit code ${code}: ${reason}`,
    nextStep: `Run "${command}" by hand to see whether it works`,
  };
}
