import type { GetTokenOptions } from "./token_credential.ts";

/** The body of a token service's error answer (RFC 6749, section 5.2), with what Microsoft Entra adds. */
export interface ErrorResponse {
  /** The error code, such as `"invalid_client"`. */
  readonly error: string;
  /** The description, shortened, without anything secret. */
  readonly errorDescription: string;
  /** The numbers behind `AADSTS`. */
  readonly errorCodes?: number[];
  /** A finer error code. */
  readonly suberror?: string;
  /** Identifies the request at the service: Microsoft's support asks for it. */
  readonly correlationId?: string;
  /** When it happened, by the service's clock. */
  readonly timestamp?: string;
  /** Identifies the answer at the service: Microsoft's support asks for it. */
  readonly traceId?: string;
}

/** What an {@linkcode AuthenticationError} knows beside its message. */
export interface AuthenticationErrorDetails {
  /** The HTTP status, or 0 where no answer came. */
  readonly statusCode?: number;
  /** The service's error answer, if it could be read. */
  readonly errorResponse?: ErrorResponse;
  /** The claims that the next request must carry, as JSON text. */
  readonly claims?: string;
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfterInMs?: number;
  /** What lies behind it. */
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
  /** What to do about it. */
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
  /** What to do about it, if that is known. The message ends with it. */
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

/** The credential is configured, and fails: the token service refuses it, or does not respond. A chain ends here. */
export class AuthenticationError extends Error {
  /** Always `"AuthenticationError"`. */
  override readonly name: "AuthenticationError" = AuthenticationErrorName;
  /** The HTTP status, or 0 where no answer came. */
  readonly statusCode: number;
  /** The service's error answer, if it could be read. */
  declare readonly errorResponse?: ErrorResponse;
  /** The claims that the next request must carry, as JSON text. */
  declare readonly claims?: string;
  /** How long the service asked to wait, in milliseconds. */
  declare readonly retryAfterInMs?: number;

  /** Makes the error. */
  constructor(message: string, details: AuthenticationErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.statusCode = details.statusCode ?? 0;
    if (details.errorResponse) this.errorResponse = details.errorResponse;
    if (details.claims !== undefined) this.claims = details.claims;
    if (details.retryAfterInMs !== undefined) this.retryAfterInMs = details.retryAfterInMs;
  }
}

/** What an {@linkcode AuthenticationRequiredError} is made from. */
export interface AuthenticationRequiredErrorOptions {
  /** What the token was asked for with. */
  scopes: string[];
  /** What the token was asked for with, besides. */
  getTokenOptions?: GetTokenOptions | undefined;
  /** Default: that a user has to sign in. */
  message?: string | undefined;
  /** What lies behind it. */
  cause?: unknown;
}

/** A user has to sign in, and the credential was told not to ask for that: call its `authenticate`. A chain goes on. */
export class AuthenticationRequiredError extends Error {
  /** Always `"AuthenticationRequiredError"`. */
  override readonly name: "AuthenticationRequiredError" = AuthenticationRequiredErrorName;
  /** What the token was asked for with. */
  readonly scopes: string[];
  /** What the token was asked for with, besides; `claims` are those that the sign-in must carry. */
  declare readonly getTokenOptions?: GetTokenOptions;

  /** Makes the error. */
  constructor(options: AuthenticationRequiredErrorOptions) {
    const { scopes, getTokenOptions, message = "A user has to sign in", cause } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.scopes = [...scopes];
    if (getTokenOptions) this.getTokenOptions = getTokenOptions;
  }
}

/**
 * No credential of a chain returned a token. `errors` holds each one's reason, in the order they were tried. An outer chain continues; for it this
 * chain is `"absent"` only if each of its credentials is.
 */
export class AggregateAuthenticationError extends Error {
  /** Always `"AggregateAuthenticationError"`. */
  override readonly name: "AggregateAuthenticationError" = AggregateAuthenticationErrorName;
  /** Why each credential failed, in order. */
  readonly errors: readonly unknown[];

  /** Makes the error. */
  constructor(errors: readonly unknown[], message: string) {
    super(message);
    this.errors = errors;
  }
}
