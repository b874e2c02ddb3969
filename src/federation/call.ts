import { reasonOf } from "../core/reason.ts";
import { isCredentialError } from "../core/unavailable.ts";
import { AuthenticationError } from "../errors.ts";

/**
 * Calls a callback of the options. The error of a credential is thrown unchanged; the reason of another one becomes a
 * part of the message.
 */
export async function call<Result>(
  label: string,
  name: string,
  callback: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await callback();
  } catch (cause) {
    if (isCredentialError(cause)) throw cause;
    throw new AuthenticationError(`Cannot get ${label}: The callback "${name}" failed: ${reasonOf(cause)}`, { cause });
  }
}
