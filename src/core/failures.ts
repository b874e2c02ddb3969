import { AuthenticationError, AuthenticationRequiredErrorName, CredentialUnavailableError } from "../errors.ts";

/** Whether the error is definitive: a status of 400 to 499 other than 408 and 429, which a retry does not change. */
export function isDefinitive(error: unknown): boolean {
  const { name, statusCode } = error as Partial<AuthenticationError>;
  return name === "AuthenticationError" && statusCode! >= 400 && statusCode! < 500 && ![408, 429].includes(statusCode!);
}

/**
 * Whether no HTTP response was received, for example because the incoming request that awaited it has ended. An error
 * with a `cause` comes from a callback of the app.
 */
export function isNoResponse(error: unknown): boolean {
  const { statusCode = 0, cause } = Object(error) as Partial<AuthenticationError>;
  return !(error instanceof CredentialUnavailableError) && statusCode === 0 && cause === undefined;
}

/** The step that an operation is waiting for, for the timeout error. */
export interface PendingStep {
  /** What is missing, as the beginning of a sentence. @default {"No response"} */
  readonly missing?: string | undefined;
  /** What the user can do about it. */
  readonly nextStep?: string | undefined;
}

/** Returns the error of an operation that has reached its time limit. */
export function timeoutError(
  timeoutInMs: number,
  { missing = "No response", nextStep }: PendingStep = {},
): AuthenticationError {
  const message = `Cannot get a token: ${missing} within the ${timeoutInMs} ms of "timeoutInMs"`;
  return new AuthenticationError(nextStep ? `${message}. ${nextStep}` : message);
}

/**
 * Prepends the credential's name to the message of an error of this library, once, and appends the variables that
 * configure the credential.
 */
export function nameCredential(error: unknown, name: string, source?: string): void {
  const isOurs = error instanceof AuthenticationError || error instanceof CredentialUnavailableError ||
    // By its name, so that only bundles with user sign-in contain the class.
    error instanceof Error && error.name === AuthenticationRequiredErrorName;
  // The error of a callback may be frozen, or that of another package with the same name.
  if (!isOurs || Object.isFrozen(error)) return;
  const { message, stack } = error;
  if (message.startsWith(`${name}: `)) return;
  const suffix = source && error instanceof AuthenticationError ? ` (configured by ${source})` : "";
  error.message = `${name}: ${message}${suffix}`;
  if (stack) error.stack = stack.replace(message, () => error.message);
}
