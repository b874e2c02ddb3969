import { bound } from "../core/bound.ts";
import { AuthenticationError } from "../errors.ts";

/** Returns the parameters of an authorization response. Throws an `AuthenticationError` if `state` is malformed. */
export function readAuthorizationResponse({ method, url }: Request): URLSearchParams {
  if (method !== "GET") throw signInError("The response must be a GET request");
  const { searchParams } = new URL(url);
  if (!/^[\w-]{43}$/.test(bound(searchParams.get("state") ?? ""))) {
    throw signInError('The response has no valid "state"');
  }
  return searchParams;
}

/** Compares two strings in constant time. */
export function isEqualInConstantTime(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}

/** Returns the error of a failed sign-in. */
export function signInError(reason: string): AuthenticationError {
  return new AuthenticationError(`Cannot sign in: ${reason}`);
}
