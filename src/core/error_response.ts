import { AuthenticationError, errorResponseOf } from "../errors.ts";
import { bound, MAX_LENGTH } from "./bound.ts";
import type { HttpResult } from "./http.ts";
import { parseObject } from "./json.ts";

const MAX_CHARACTERS = 400;
const MAX_CODES = 10;

/**
 * Returns the error for a response without a token: the error of the service (RFC 6749, section 5.2) and the next step.
 */
export function errorFromResponse(
  response: HttpResult,
  action: string,
  { advice, meanings, redact = String }: {
    /** Returns the next step for the codes of the service, with its error code last. */
    advice?: (codes: readonly (number | string)[]) => string | undefined;
    /** Descriptions of HTTP statuses, for a response without an error code. */
    meanings?: Readonly<Record<number, string>>;
    redact?: (text: string) => string;
  } = {},
): AuthenticationError {
  const { status, retryAfterInMs } = response;
  const details = { statusCode: status, ...retryAfterInMs !== undefined && { retryAfterInMs } };
  if (status === 0) {
    return new AuthenticationError(join([`${action}: ${toSingleLine(redact(response.text))}`, advice?.([])]), details);
  }
  const body = parseObject(response.text);
  const text = (value: unknown) => typeof value === "string" ? toSingleLine(redact(value)) : undefined;
  if (!body || !text(body.error)) {
    const meaning = meanings?.[status] ?? describe(response);
    return new AuthenticationError(join([`${action}: HTTP ${status}: ${meaning}`, advice?.([])]), details);
  }
  const listed: unknown[] = Array.isArray(body.error_codes) ? body.error_codes.slice(0, MAX_CODES) : [];
  const errorCodes = listed.filter((code): code is number => Number.isInteger(code));
  const errorResponse = errorResponseOf({ ...body, error_codes: errorCodes }, text);
  const { error, errorDescription } = errorResponse;
  const codes = errorCodes.map((code) => `AADSTS${code}`).join(", ");
  // Truncated claims would be malformed.
  const isClaims = typeof body.claims === "string" && body.claims.length <= MAX_LENGTH;
  const claims = isClaims ? { claims: redact(body.claims as string) } : {};
  return new AuthenticationError(
    join([
      `${action}: ${error} (${[`HTTP ${status}`, codes].filter(Boolean).join(", ")})`,
      sentence(errorDescription),
      advice?.([...errorCodes, error]),
    ]),
    { ...details, ...claims, errorResponse },
  );
}

/**
 * Replaces the status 200 of a response that is not a JSON object by 0 (no response): it has ended early, or the
 * network sent it instead of the service. Returns other responses unchanged, also one that is too long.
 */
export function requireJson(response: HttpResult): HttpResult {
  const { isTooLong, status } = response;
  if (status !== 200 || isTooLong || parseObject(response.text)) return response;
  const text = response.text.trim();
  const isCut = text.startsWith("{") && !text.endsWith("}");
  return {
    ...response,
    status: 0,
    text: `HTTP 200: ${text === "" ? "The response is empty" : isCut ? "The response ends early" : describe(response)}`,
  };
}

/** Describes a response that is not a JSON error. The body is omitted: it may contain secrets. */
function describe({ status, text }: HttpResult): string {
  if (status >= 300 && status < 400) {
    return "The service sent a redirect, which is not followed: another server could receive the secret";
  }
  if (text === "") return "The response is empty or longer than a megabyte";
  return `The response is ${
    text.trimStart().startsWith("<") ? "a web page: is a proxy in between?" : "not the JSON of a token service"
  }`;
}

/** Returns a description without its code and the period at its end. */
function sentence(description: string): string {
  return withoutIds(description).replace(/^AADSTS\d+:\s*/, "").replace(/\.$/, "");
}

/** Returns a description without the ids at its end, which the response also has as separate members. */
export function withoutIds(description: string): string {
  return description.split("Trace ID:", 1)[0]!.trimEnd();
}

/**
 * Returns a text as one short line, without control characters and those that change the direction of the text. Redact
 * the text first, because a truncated secret is not recognised.
 */
export function toSingleLine(text: string): string {
  // deno-lint-ignore no-control-regex
  const line = bound(text).replace(/[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g, " ");
  return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS).replace(/ \S*$/, "")}…` : line;
}

function join(parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(". ").replaceAll("….", "…");
}
