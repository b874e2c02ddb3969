import { AuthenticationError, type ErrorResponse } from "../errors.ts";
import { bound, MAX_LENGTH } from "./bound.ts";
import type { Answer } from "./http.ts";
import { parseObject } from "./json.ts";

const MOST_CHARACTERS = 400;
const MOST_CODES = 10;

/** Returns the error for an answer that is no token: what the service says (RFC 6749, section 5.2), and what to do. */
export function errorFromAnswer(
  answer: Answer,
  action: string,
  { advice, meanings, redact = String }: {
    /** What to do next, for what the service said: its codes, and the error's name last. */
    advice?: (words: readonly (number | string)[]) => string | undefined;
    /** What statuses mean where the service says no more. */
    meanings?: Readonly<Record<number, string>>;
    redact?: (text: string) => string;
  } = {},
): AuthenticationError {
  const { status, retryAfterInMs } = answer;
  const details = { statusCode: status, ...retryAfterInMs !== undefined && { retryAfterInMs } };
  if (status === 0) {
    return new AuthenticationError(join([`${action}: ${tidy(redact(answer.text))}`, advice?.([])]), details);
  }
  const body = parseObject(answer.text);
  const text = (value: unknown) => typeof value === "string" ? tidy(redact(value)) : undefined;
  const error = body && text(body.error);
  if (!error) {
    const meaning = meanings?.[status] ?? describe(answer);
    return new AuthenticationError(join([`${action}: HTTP ${status}: ${meaning}`, advice?.([])]), details);
  }
  const listed: unknown[] = Array.isArray(body.error_codes) ? body.error_codes.slice(0, MOST_CODES) : [];
  const errorCodes = listed.filter((code) => typeof code === "number");
  const description = text(body.error_description) ?? "";
  const errorResponse: ErrorResponse = {
    error,
    errorDescription: description,
    errorCodes,
    ...given("suberror", text(body.suberror)),
    ...given("correlationId", text(body.correlation_id)),
    ...given("timestamp", text(body.timestamp)),
    ...given("traceId", text(body.trace_id)),
  };
  const codes = errorCodes.map((code) => `AADSTS${code}`).join(", ");
  // What is cut would be no claims any more.
  const isClaims = typeof body.claims === "string" && body.claims.length <= MAX_LENGTH;
  const claims = isClaims ? { claims: redact(body.claims as string) } : {};
  return new AuthenticationError(
    join([
      `${action}: ${error} (${[`HTTP ${status}`, codes].filter(Boolean).join(", ")})`,
      sentence(description),
      advice?.([...errorCodes, error]),
    ]),
    { ...details, ...claims, errorResponse },
  );
}

/** What an answer is that nobody can read. Its text stays unsaid: it may be anything. */
function describe({ status, text }: Answer): string {
  if (status >= 300 && status < 400) {
    return "The service redirects, which is not followed: a secret is for the one it is sent to";
  }
  if (text === "") return "The answer is empty, or longer than a megabyte";
  return `The answer is ${
    text.trimStart().startsWith("<") ? "a web page: is a proxy in between?" : "not the JSON of a token service"
  }`;
}

/** Returns what a description says, without its code and the period at its end. */
function sentence(description: string): string {
  return withoutIds(description).replace(/^AADSTS\d+:\s*/, "").replace(/\.$/, "");
}

/** Returns a description up to the ids at its end, which stand in fields of their own. */
export function withoutIds(description: string): string {
  return description.split("Trace ID:", 1)[0]!.trimEnd();
}

/** One short line, whatever the service sends. To be redacted before: half a secret is not recognised. */
export function tidy(text: string): string {
  // deno-lint-ignore no-control-regex
  const line = bound(text).replace(/[\s\x00-\x1f\x7f-\x9f]+/g, " ");
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS).replace(/ \S*$/, "")}…` : line;
}

function given<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return value === undefined ? {} : { [key]: value } as { [K in Key]?: string };
}

function join(parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(". ").replaceAll("….", "…");
}
