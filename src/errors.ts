import type { GetTokenOptions } from "./token_credential.ts";

/** An error response of the token endpoint (RFC 6749, section 5.2), with the members that Microsoft Entra adds. */
export interface ErrorResponse {
  /** The OAuth error code, such as `"invalid_client"`. */
  readonly error: string;
  /** The description, truncated and without secrets. */
  readonly errorDescription: string;
  /** The numbers of the `AADSTS` error codes. */
  readonly errorCodes?: number[];
  /** The suberror, which refines the error code. */
  readonly suberror?: string;
  /** The correlation id of the request, for Microsoft's support. */
  readonly correlationId?: string;
  /** The time of the error, by the clock of the service. */
  readonly timestamp?: string;
  /** The trace id of the response, for Microsoft's support. */
  readonly traceId?: string;
}

/** The members of an {@linkcode AuthenticationError} besides its message. */
export interface AuthenticationErrorDetails {
  /** The HTTP status, or 0 if no response was received. */
  readonly statusCode?: number;
  /** The error response of the service, if it could be parsed. */
  readonly errorResponse?: ErrorResponse;
  /** The claims for the next request, a JSON string. */
  readonly claims?: string;
  /** Time to wait before a retry, as the service requested, in milliseconds. */
  readonly retryAfterInMs?: number;
  /** The error that caused this one. */
  readonly cause?: unknown;
}

/** The `name` of {@linkcode CredentialUnavailableError}. */
export const CredentialUnavailableErrorName = "CredentialUnavailableError";

/** The `name` of {@linkcode AuthenticationError}. */
export const AuthenticationErrorName = "AuthenticationError";

/** The `name` of {@linkcode AuthenticationRequiredError}. */
export const AuthenticationRequiredErrorName = "AuthenticationRequiredError";

/** The `name` of {@linkcode AggregateAuthenticationError}. */
export const AggregateAuthenticationErrorName = "AggregateAuthenticationError";

/**
 * The conclusion that a chain may draw from an unavailable credential.
 *
 * - `"absent"`: The credential is not configured on this machine. A later credential may be used permanently.
 * - `"inconclusive"`: The credential may be configured. A later credential is used until this one is tried again.
 * - `"not-for-this-call"`: The credential does not support an option of this call. A later credential is used for this
 *   call only.
 */
export type UnavailableOutcome = "absent" | "inconclusive" | "not-for-this-call";

/** Options of a {@linkcode CredentialUnavailableError}. */
export interface CredentialUnavailableErrorOptions {
  /** The error that caused this one. */
  readonly cause?: unknown;
  /** How to resolve the error. */
  readonly nextStep?: string | undefined;
  /**
   * The conclusion that a chain may draw.
   *
   * @default {"inconclusive"}
   */
  readonly outcome?: UnavailableOutcome | undefined;
  /**
   * How long an `"inconclusive"` outcome is valid, in milliseconds. Afterwards, and whenever the token of the
   * credential that is used instead must be refreshed, the chain tries this credential again. Other outcomes ignore it.
   *
   * @default {60_000}
   */
  readonly recheckAfterInMs?: number | undefined;
}

/**
 * The credential is unavailable: it is not configured, a tool is not installed, or it does not support an option of the
 * call. A chain continues with its next credential; {@linkcode UnavailableOutcome} determines for how long.
 *
 * Check the `name`, not `instanceof`, because a program may contain two copies of the package.
 */
export class CredentialUnavailableError extends Error {
  /** Always `"CredentialUnavailableError"`. */
  override readonly name: "CredentialUnavailableError" = CredentialUnavailableErrorName;
  /** How to resolve the error, if known. The message ends with it. */
  declare readonly nextStep?: string;
  /** The conclusion that a chain may draw. Absent: `"inconclusive"`. */
  declare readonly outcome?: UnavailableOutcome;
  /** How long an `"inconclusive"` outcome is valid, in milliseconds. Absent: 60,000. */
  declare readonly recheckAfterInMs?: number;

  /**
   * Creates the error.
   *
   * @param message The action that failed, and the cause.
   * @param options See {@linkcode CredentialUnavailableErrorOptions}; `nextStep` is appended to the message.
   */
  constructor(message?: string, options: CredentialUnavailableErrorOptions = {}) {
    const { cause, nextStep, outcome, recheckAfterInMs } = options;
    super(nextStep ? `${message}: ${nextStep}` : message, cause === undefined ? undefined : { cause });
    if (nextStep) this.nextStep = nextStep;
    if (outcome !== undefined) this.outcome = outcome;
    if (recheckAfterInMs !== undefined) this.recheckAfterInMs = recheckAfterInMs;
  }
}

/**
 * The credential is configured, but authentication failed: the token service rejected the request or did not respond. A
 * chain ends with this error.
 */
export class AuthenticationError extends Error {
  /** Always `"AuthenticationError"`. */
  override readonly name: "AuthenticationError" = AuthenticationErrorName;
  /** The HTTP status, or 0 if no response was received. */
  readonly statusCode: number;
  /** The error response of the service, if it could be parsed. */
  declare readonly errorResponse?: ErrorResponse;
  /** The claims for the next request, a JSON string. */
  declare readonly claims?: string;
  /** Time to wait before a retry, as the service requested, in milliseconds. */
  declare readonly retryAfterInMs?: number;

  /**
   * Creates the error.
   *
   * @param message The action that failed, and the cause.
   * @param details See {@linkcode AuthenticationErrorDetails}.
   */
  constructor(message: string, details?: AuthenticationErrorDetails);
  /**
   * Creates the error of an HTTP response, as in `@azure/identity`.
   *
   * @param statusCode The HTTP status.
   * @param errorBody The body of the error response (RFC 6749, section 5.2), parsed or as a string.
   * @param options The error that caused this one.
   */
  constructor(statusCode: number, errorBody: object | string | null | undefined, options?: { cause?: unknown });
  constructor(
    first: string | number,
    second?: AuthenticationErrorDetails | object | string | null,
    options?: { cause?: unknown },
  ) {
    const [message, details] = typeof first === "number"
      ? fromErrorBody(first, second, options?.cause)
      : [first, (second ?? {}) as AuthenticationErrorDetails];
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.statusCode = details.statusCode ?? 0;
    if (details.errorResponse) this.errorResponse = details.errorResponse;
    if (details.claims !== undefined) this.claims = details.claims;
    if (details.retryAfterInMs !== undefined) this.retryAfterInMs = details.retryAfterInMs;
  }
}

/** Options of an {@linkcode AuthenticationRequiredError}. */
export interface AuthenticationRequiredErrorOptions {
  /** The scopes of the rejected `getToken` call. */
  scopes: string[];
  /** The options of the rejected `getToken` call. */
  getTokenOptions?: GetTokenOptions | undefined;
  /**
   * The message.
   *
   * @default {"A user has to sign in"}
   */
  message?: string | undefined;
  /** The error that caused this one. */
  cause?: unknown;
}

/**
 * A user must sign in, but the credential must not prompt (`disableAutomaticAuthentication`). Call its method
 * `authenticate`. A chain continues with its next credential.
 */
export class AuthenticationRequiredError extends Error {
  /** Always `"AuthenticationRequiredError"`. */
  override readonly name: "AuthenticationRequiredError" = AuthenticationRequiredErrorName;
  /** The scopes of the rejected `getToken` call. */
  readonly scopes: string[];
  /** The options of the rejected `getToken` call; `claims` are those for the sign-in. */
  declare readonly getTokenOptions?: GetTokenOptions;

  /**
   * Creates the error.
   *
   * @param options See {@linkcode AuthenticationRequiredErrorOptions}.
   */
  constructor(options: AuthenticationRequiredErrorOptions) {
    const { scopes, getTokenOptions, message = "A user has to sign in", cause } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.scopes = [...scopes];
    if (getTokenOptions) this.getTokenOptions = getTokenOptions;
  }
}

/**
 * No credential of a chain returned a token. An outer chain continues with its next credential, and treats this chain
 * as `"absent"` only if all credentials of this chain are absent.
 */
export class AggregateAuthenticationError extends Error {
  /** Always `"AggregateAuthenticationError"`. */
  override readonly name: "AggregateAuthenticationError" = AggregateAuthenticationErrorName;
  /** The error of each credential, in the order in which they were tried. */
  readonly errors: readonly unknown[];

  /**
   * Creates the error.
   *
   * @param errors The error of each credential, in order.
   * @param message The message. By default a line for each error.
   */
  constructor(errors: readonly unknown[], message?: string) {
    super(message ?? ["Cannot get a token: No credential is available", ...errors.map(describe)].join("\n  "));
    this.errors = errors;
    // `console.log` of Node, Deno and Bun would append each error with its stack, although the message has their table.
    Object.defineProperty(this, Symbol.for("nodejs.util.inspect.custom"), {
      value: () => this.stack?.replace(/^Error/, this.name) ?? String(this),
    });
  }
}

function describe(error: unknown): string {
  if (typeof error === "string") return error;
  const { name, message } = Object(error) as { name?: unknown; message?: unknown };
  return typeof message === "string" && message !== "" ? `${name}: ${message}` : "An error without a message";
}

/** Returns the message and the members of the error for a status and the body of an error response. */
function fromErrorBody(statusCode: number, body: unknown, cause: unknown): [string, AuthenticationErrorDetails] {
  let parsed = body;
  if (typeof body === "string") {
    try {
      parsed = JSON.parse(body);
    } catch {
      parsed = { error_description: body };
    }
  }
  const members = Object(parsed) as Readonly<Record<string, unknown>>;
  const errorResponse = errorResponseOf({ ...members, error: members.error ?? "unknown_error" });
  const { error, errorDescription } = errorResponse;
  const message = `${error} (HTTP ${statusCode})`;
  return [errorDescription ? `${message}: ${errorDescription}` : message, { statusCode, errorResponse, cause }];
}

/**
 * Returns the error response in a body, without the members that are absent.
 *
 * @param text Reads a member.
 */
export function errorResponseOf(
  body: Readonly<Record<string, unknown>>,
  text: (value: unknown) => unknown = (value) => value,
): ErrorResponse {
  const members: Readonly<Record<keyof ErrorResponse, unknown>> = {
    error: text(body.error),
    errorDescription: text(body.error_description) ?? "",
    errorCodes: body.error_codes,
    suberror: text(body.suberror),
    correlationId: text(body.correlation_id),
    timestamp: text(body.timestamp),
    traceId: text(body.trace_id),
  };
  return JSON.parse(JSON.stringify(members)) as ErrorResponse;
}
