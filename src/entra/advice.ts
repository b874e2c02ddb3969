// Imports nothing, so that it is one file to load when a request has been rejected.

const RETRY = "Request the token again";
const ONE_RESOURCE = "Request the scopes of one resource per call";
const OWN_TOKEN = "Send the unmodified token that was issued for this app";

/**
 * Next steps for the most common errors, by AADSTS code, or by error code (RFC 8628, section 3.5) for servers without
 * AADSTS codes.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const ADVICE: Readonly<Record<number | string, string>> = {
  7000215: "Check the client secret: it must be the secret's value, not its id",
  7000222: "The client secret has expired: create a new one in the app registration",
  7000218:
    "Give a secret, certificate or assertion; or allow public client flows in the app registration, for user sign-in",
  700016: "Check the client id, and that the app is registered in this tenant",
  700027: "Upload this certificate to the app registration",
  700024: "Check the clock of this machine, and that the assertion has not expired",
  90002: "Check the tenant id, and the cloud (authorityHost)",
  28000: ONE_RESOURCE,
  9010010: ONE_RESOURCE,
  500011: "Check the scope: its resource does not exist in this tenant",
  650053: "Check the name of the scope: the resource does not have it",
  1002012: 'Use a scope that ends in "/.default"',
  65001: "Grant the app its permissions, as an administrator",
  50013: OWN_TOKEN,
  500131: OWN_TOKEN,
  7000114: "Send a user's token: an app's own token cannot be exchanged; for the app itself, use another credential",
  50034: "Check the user name and the tenant",
  50126: "Check the user name and the password",
  50076: "Sign in interactively: the user must use multi-factor authentication",
  53003: "Ask an administrator: a Conditional Access policy blocks the sign-in",
  50196: "Reuse one credential and its token cache: the app repeats the same request in a loop",
  65004: RETRY,
  access_denied: RETRY,
  authorization_declined: RETRY,
  70020: RETRY,
  expired_token: RETRY,
};

/** Returns the next step for the codes of an error, after a request with an assertion. */
export type AdviseOnAssertion = (codes: readonly (number | string)[], form: URLSearchParams) => string | undefined;

/** A rejected token request. */
export interface RejectedRequest {
  readonly form: URLSearchParams;
  readonly scopes: readonly string[];
  /** When it was sent, in milliseconds since the epoch. */
  readonly sentOn: number;
  /** How to renew the client assertion. By default a callback returns it. */
  readonly renewal: string | undefined;
  /** Loads the advice on the assertion of another identity provider. */
  readonly loadAdvice?: (() => Promise<AdviseOnAssertion>) | undefined;
}

/** Errors for scopes of several resources. */
const SCOPE_ERRORS: readonly (number | string)[] = [28000, 1002012, 70011, 9010010, "invalid_scope"];
/** Errors for a client assertion, and for a user's token, that has expired or is not valid yet. */
const CLIENT_ASSERTION = 700024;
const USER_ASSERTION = 500133;

/** Returns the next step for the codes of an error, which may depend on the request; `undefined` if there is none. */
export function adviseOn(
  codes: readonly (number | string)[],
  request: RejectedRequest | undefined,
): string | undefined {
  return request && adviseOnRequest(codes, request) ||
    ADVICE[codes.find((code) => Object.hasOwn(ADVICE, code)) ?? ""];
}

function adviseOnRequest(
  codes: readonly (number | string)[],
  { form, scopes, sentOn, renewal }: RejectedRequest,
): string | undefined {
  if (codes.some((code) => SCOPE_ERRORS.includes(code)) && countResources(scopes) > 1) {
    return `${ONE_RESOURCE}: these are of several`;
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
  const { exp, nbf } = payloadOf(assertion);
  const [end, start] = [timeOf(exp), timeOf(nbf)];
  if (end <= sentOn) {
    return `The ${what} expired ${minutes(sentOn - end)} ago, at ${formatTime(end)}: ${renewal}`;
  }
  const validity = start > sentOn
    ? `not valid before ${formatTime(start)}`
    : end > sentOn
    ? `valid until ${formatTime(end)}`
    : "";
  return validity &&
    `By the clock of this machine it is ${formatTime(sentOn)}, and the ${what} is ${validity}: Check the clock`;
}

/** Returns the payload of a JWT, without verification; an empty object if it is malformed. */
function payloadOf(assertion: string | null): { readonly exp?: unknown; readonly nbf?: unknown } {
  try {
    const [, payload = ""] = assertion!.split(".");
    return Object(JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))));
  } catch {
    return {};
  }
}

/** Converts seconds since the epoch to milliseconds; `NaN` for an object, whose conversion to a number could throw. */
function timeOf(seconds: unknown): number {
  return typeof seconds === "object" ? NaN : Number(seconds || NaN) * 1000;
}

function minutes(ms: number): string {
  const count = Math.floor(ms / 60_000);
  return count === 0 ? "less than a minute" : count === 1 ? "a minute" : `${count} minutes`;
}

function formatTime(time: number): string {
  // Beyond the range of dates, `toISOString` throws.
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : "an unknown time";
}
