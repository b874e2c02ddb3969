import { toSingleLine } from "../core/error_response.ts";
import { redact } from "../core/redact.ts";
import { AuthenticationError, type AuthenticationErrorDetails } from "../errors.ts";

/**
 * Converts an error of oauth4webapi: keeps its message and code. The error itself does not become the `cause`, because
 * its own `cause` may contain a response with tokens.
 */
export function protocolError(
  error: unknown,
  action: string,
  { secrets, ...details }: AuthenticationErrorDetails & { readonly secrets: readonly string[] },
): AuthenticationError {
  const { message, code } = Object(error) as { readonly message?: unknown; readonly code?: unknown };
  return new AuthenticationError(`${action}: ${toSingleLine(redact(`${message} (${code})`, secrets))}`, details);
}
