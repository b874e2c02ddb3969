import { seconds } from "../core/freshness.ts";
import { parseObject } from "../core/json.ts";
import { decodeBase64Url } from "../core/decoding.ts";

/** A rejected token request. */
export interface RejectedRequest {
  readonly form: URLSearchParams;
  readonly scopes: readonly string[];
  /** When it was sent, in milliseconds since the epoch. */
  readonly sentOn: number;
  /** How to renew the client assertion. By default a callback returns it. */
  readonly renewal: string | undefined;
}

/** Errors for scopes of several resources. */
const SCOPE_ERRORS: readonly (number | string)[] = [28000, 1002012, 70011, 9010010, "invalid_scope"];
/** Errors for an assertion that has expired or is not valid yet: that of the client, and that of a user. */
const CLIENT_ASSERTION = 700024;
const USER_ASSERTION = 500133;

/** Returns the next step that follows from the request that was rejected, if there is one. */
export function adviseOnRequest(
  codes: readonly (number | string)[],
  { form, scopes, sentOn, renewal }: RejectedRequest,
): string | undefined {
  if (codes.some((code) => SCOPE_ERRORS.includes(code)) && countResources(scopes) > 1) {
    return "Request the scopes of one resource per call: these are of several";
  }
  if (codes.includes(USER_ASSERTION)) {
    return adviseOnTimes("user's token", form.get("assertion"), "The client of this API has to send a new one", sentOn);
  }
  // AD FS sends no code.
  const isInvalidClient = codes.length === 1 && codes[0] === "invalid_client";
  if (codes.includes(CLIENT_ASSERTION) || isInvalidClient && form.has("client_assertion")) {
    const renew = renewal ?? 'The callback "getAssertion" has to return a new one';
    return adviseOnTimes("assertion", form.get("client_assertion"), renew, sentOn);
  }
  if (codes.includes(7000215) || isInvalidClient) return adviseOnEnds("client secret", form.get("client_secret"));
  if (codes.includes(50126)) return adviseOnEnds("password", form.get("password"));
  return undefined;
}

function countResources(scopes: readonly string[]): number {
  // A scope without a resource is one of OpenID Connect, or of Microsoft Graph.
  return new Set(scopes.filter((scope) => scope.includes("/")).map((scope) => scope.replace(/\/[^/]*$/, ""))).size;
}

/** Advises on a secret that has characters which shells and files add. Names their kind only. */
function adviseOnEnds(what: string, secret: string | null): string | undefined {
  const [first, last] = [secret?.at(0) ?? "", secret?.at(-1) ?? ""];
  if (![first, last].some((character) => /[\s"'`“”‘’\uFEFF]/.test(character))) return undefined;
  return `The ${what} begins or ends with a blank, a line break or a quotation mark: Remove it, if it does not belong ` +
    'to the value ("echo" adds a line break, "echo -n" does not)';
}

function adviseOnTimes(
  what: string,
  assertion: string | null,
  renewal: string,
  sentOn: number,
): string | undefined {
  const payload = decodeBase64Url(assertion?.split(".")[1] ?? "");
  const { exp, nbf } = payload && parseObject(new TextDecoder().decode(payload)) || {};
  const [end, start] = [exp, nbf].map((time) => (seconds(time) ?? NaN) * 1000) as [number, number];
  if (end <= sentOn) {
    return `The ${what} expired ${minutes(sentOn - end)} ago, at ${say(end)}: ${renewal}`;
  }
  const validity = start > sentOn ? `not valid before ${say(start)}` : end > sentOn ? `valid until ${say(end)}` : "";
  return validity &&
    `By the clock of this machine it is ${say(sentOn)}, and the ${what} is ${validity}: Check the clock`;
}

function minutes(ms: number): string {
  const count = Math.floor(ms / 60_000);
  return count === 0 ? "less than a minute" : count === 1 ? "a minute" : `${count} minutes`;
}

function say(time: number): string {
  // Beyond the range of dates, `toISOString` throws.
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : "an unknown time";
}
