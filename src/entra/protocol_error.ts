import { toSingleLine } from "../core/error_response.ts";
import { redact } from "../core/redact.ts";
import { AuthenticationError, type AuthenticationErrorDetails } from "../errors.ts";

/**
 * Returns the error for one that oauth4webapi threw: its message and code. The error itself is not kept as `cause`, because its own
 * `cause` may hold a response with its tokens.
 */
export function protocolError(
  error: unknown,
  action: string,
  { secrets, ...details }: AuthenticationErrorDetails & { readonly secrets: readonly string[] },
): AuthenticationError {
  const { message, code } = Object(error) as { readonly message?: unknown; readonly code?: unknown };
  return new AuthenticationError(`${action}: ${toSingleLine(redact(`${message} (${code})`, secrets))}`, details);
}
