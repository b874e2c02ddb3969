import type { GetTokenOptions } from "./token_credential.ts";

/** An error response of the token service (RFC 6749, section 5.2), with the members that Microsoft Entra adds. */
export interface ErrorResponse {
  /** The error code, such as `"invalid_client"`. */
  readonly error: string;
  /** The description, shortened and without secrets. */
  readonly errorDescription: string;
  /** The numbers of the `AADSTS` codes. */
  readonly errorCodes?: number[];
  /** A more specific error code. */
  readonly suberror?: string;
  /** The id of the request, for the support of Microsoft. */
  readonly correlationId?: string;
  /** The time of the error, by the clock of the service. */
  readonly timestamp?: string;
  /** The id of the response, for the support of Microsoft. */
  readonly traceId?: string;
}

/** Details of an {@linkcode AuthenticationError}. */
export interface AuthenticationErrorDetails {
  /** The HTTP status; 0 if no response was received. */
  readonly statusCode?: number;
  /** The error response of the service, if it could be parsed. */
  readonly errorResponse?: ErrorResponse;
  /** The claims that the next request must have, as a JSON string. */
  readonly claims?: string;
  /** How long the service asks to wait, in milliseconds. */
  readonly retryAfterInMs?: number;
  /** The error that led to this one. */
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
 * What a chain may conclude from a credential that is unavailable.
 *
 * - `"absent"`: nothing on this machine configures the credential. A later credential may be used for good.
 * - `"inconclusive"`: the credential may be configured. A later credential is used until this one is tried again.
 * - `"not-for-this-call"`: the credential cannot do what this one call asks for. A later credential is used for this call only.
 */
export type UnavailableOutcome = "absent" | "inconclusive" | "not-for-this-call";

/** Options of a {@linkcode CredentialUnavailableError}. */
export interface CredentialUnavailableErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** The next step for the user. */
  readonly nextStep?: string | undefined;
  /**
   * What a chain may conclude.
   *
   * @default {"inconclusive"}
   */
  readonly outcome?: UnavailableOutcome | undefined;
  /**
   * How long an `"inconclusive"` outcome holds, in ms: then the chain tries the credential again. It is tried again in any case when the token of
   * the credential that is used instead has to be renewed, so that `Infinity` is until then. Other outcomes ignore it.
   *
   * @default {60_000}
   */
  readonly recheckAfterInMs?: number | undefined;
}

/**
 * The credential cannot be used here: it is not configured, a tool is not installed, or it cannot do what the call asks for. A chain continues
 * with its next credential, and {@linkcode UnavailableOutcome} says for how long.
 *
 * Decide by `name`, never by `instanceof`: two copies of a package may meet in one program.
 */
export class CredentialUnavailableError extends Error {
  /** Always `"CredentialUnavailableError"`. */
  override readonly name: "CredentialUnavailableError" = CredentialUnavailableErrorName;
  /** The next step for the user, if it is known. The message ends with it. */
  declare readonly nextStep?: string;
  /** What a chain may conclude. Absent: `"inconclusive"`. */
  declare readonly outcome?: UnavailableOutcome;
  /** How long an `"inconclusive"` outcome holds, in ms. Absent: 60,000. */
  declare readonly recheckAfterInMs?: number;

  /**
   * Creates the error.
   *
   * @param message What failed, and why.
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

/** The credential is configured, and fails: the token service rejects it or does not respond. A chain ends with this error. */
export class AuthenticationError extends Error {
  /** Always `"AuthenticationError"`. */
  override readonly name: "AuthenticationError" = AuthenticationErrorName;
  /** The HTTP status; 0 if no response was received. */
  readonly statusCode: number;
  /** The error response of the service, if it could be parsed. */
  declare readonly errorResponse?: ErrorResponse;
  /** The claims that the next request must have, as a JSON string. */
  declare readonly claims?: string;
  /** How long the service asks to wait, in milliseconds. */
  declare readonly retryAfterInMs?: number;

  /** Creates the error. */
  constructor(message: string, details: AuthenticationErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.statusCode = details.statusCode ?? 0;
    if (details.errorResponse) this.errorResponse = details.errorResponse;
    if (details.claims !== undefined) this.claims = details.claims;
    if (details.retryAfterInMs !== undefined) this.retryAfterInMs = details.retryAfterInMs;
  }
}

/** Options of an {@linkcode AuthenticationRequiredError}. */
export interface AuthenticationRequiredErrorOptions {
  /** The requested scopes. */
  scopes: string[];
  /** The options of the rejected `getToken` call. */
  getTokenOptions?: GetTokenOptions | undefined;
  /**
   * The message.
   *
   * @default {"A user has to sign in"}
   */
  message?: string | undefined;
  /** The error that led to this one. */
  cause?: unknown;
}

/** A user has to sign in, and the credential may not prompt for it: call its `authenticate`. A chain continues with its next credential. */
export class AuthenticationRequiredError extends Error {
  /** Always `"AuthenticationRequiredError"`. */
  override readonly name: "AuthenticationRequiredError" = AuthenticationRequiredErrorName;
  /** The requested scopes. */
  readonly scopes: string[];
  /** The options of the rejected `getToken` call; its `claims` are those that the sign-in must request. */
  declare readonly getTokenOptions?: GetTokenOptions;

  /** Creates the error. */
  constructor(options: AuthenticationRequiredErrorOptions) {
    const { scopes, getTokenOptions, message = "A user has to sign in", cause } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.scopes = [...scopes];
    if (getTokenOptions) this.getTokenOptions = getTokenOptions;
  }
}

/**
 * No credential of a chain returned a token. `errors` has the error of each, in the order in which they were tried. An outer chain continues; for it this
 * chain is `"absent"` only if each of its credentials is.
 */
export class AggregateAuthenticationError extends Error {
  /** Always `"AggregateAuthenticationError"`. */
  override readonly name: "AggregateAuthenticationError" = AggregateAuthenticationErrorName;
  /** The error of each credential, in order. */
  readonly errors: readonly unknown[];

  /** Creates the error. */
  constructor(errors: readonly unknown[], message: string) {
    super(message);
    this.errors = errors;
  }
}
