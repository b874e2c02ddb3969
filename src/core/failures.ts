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

/** Returns what makes the error of those who waited for too long. */
export function late(timeoutInMs: number): () => AuthenticationError {
  return () => new AuthenticationError(`Cannot get a token: No answer within the ${timeoutInMs} ms of "timeoutInMs"`);
}

/** Puts the credential's name before the message of an error of ours, once. */
export function nameCredential(error: unknown, name: string): void {
  const isOurs = error instanceof AuthenticationError || error instanceof CredentialUnavailableError ||
    error instanceof AuthenticationRequiredError;
  if (!isOurs) return;
  const { message, stack } = error;
  if (message.startsWith(`${name}: `)) return;
  error.message = `${name}: ${message}`;
  if (stack) error.stack = stack.replace(message, () => error.message);
}
