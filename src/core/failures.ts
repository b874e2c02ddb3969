import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";

/** Whether the service has judged: asking again will not change it. */
export function isVerdict(error: unknown): boolean {
  const { name, statusCode } = error as Partial<AuthenticationError>;
  return name === "AuthenticationError" && statusCode! >= 400 && statusCode! < 500 && ![408, 429].includes(statusCode!);
}

/** Whether no answer came, which may be because the request that waited for it has ended. */
export function isLost(error: unknown): boolean {
  return !(error instanceof CredentialUnavailableError) &&
    ((error as Partial<AuthenticationError>)?.statusCode ?? 0) === 0;
}

/** Puts the credential's name before the message of an error of ours, once. */
export function nameCredential(error: unknown, name: string): void {
  if (!(error instanceof AuthenticationError || error instanceof CredentialUnavailableError)) return;
  const { message, stack } = error;
  if (message.startsWith(`${name}: `)) return;
  error.message = `${name}: ${message}`;
  if (stack) error.stack = stack.replace(message, () => error.message);
}
