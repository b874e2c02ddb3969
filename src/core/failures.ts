import { AuthenticationError, AuthenticationRequiredError, CredentialUnavailableError } from "../errors.ts";

/** Whether the service has judged: asking again will not change it. */
export function isVerdict(error: unknown): boolean {
  const { name, statusCode } = error as Partial<AuthenticationError>;
  return name === "AuthenticationError" && statusCode! >= 400 && statusCode! < 500 && ![408, 429].includes(statusCode!);
}

/** Whether no answer came, which may be because the request that waited for it has ended. What a callback threw has a cause. */
export function isLost(error: unknown): boolean {
  const { statusCode = 0, cause } = Object(error) as Partial<AuthenticationError>;
  return !(error instanceof CredentialUnavailableError) && statusCode === 0 && cause === undefined;
}

/** What is waited for, by the time that it is late. */
export interface Awaited {
  /** What has not come. Default: an answer. */
  readonly missing?: string | undefined;
  /** What to do about it. */
  readonly nextStep?: string | undefined;
}

/** Returns the error of those who waited for too long. */
export function late(timeoutInMs: number, { missing = "No answer", nextStep }: Awaited = {}): AuthenticationError {
  const message = `Cannot get a token: ${missing} within the ${timeoutInMs} ms of "timeoutInMs"`;
  return new AuthenticationError(nextStep ? `${message}. ${nextStep}` : message);
}

/** Puts the credential's name before the message of an error of ours, once, and after it what configures the credential. */
export function nameCredential(error: unknown, name: string, source?: string): void {
  const isOurs = error instanceof AuthenticationError || error instanceof CredentialUnavailableError ||
    error instanceof AuthenticationRequiredError;
  if (!isOurs) return;
  const { message, stack } = error;
  if (message.startsWith(`${name}: `)) return;
  const suffix = source && error instanceof AuthenticationError ? ` (configured by ${source})` : "";
  error.message = `${name}: ${message}${suffix}`;
  if (stack) error.stack = stack.replace(message, () => error.message);
}
