import { bound } from "../core/bound.ts";
import { AuthenticationError } from "../errors.ts";

/** Returns the parameters of an authorization response. Throws an `AuthenticationError` if `state` is malformed. */
export function parametersOf({ method, url }: Request): URLSearchParams {
  if (method !== "GET") throw refused("The answer must come by GET");
  const { searchParams } = new URL(url);
  if (!/^[\w-]{43}$/.test(bound(searchParams.get("state") ?? ""))) {
    throw refused('The answer has no "state" of this app');
  }
  return searchParams;
}

/** Compares two strings in constant time. */
export function isEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}

/** Returns the error of a failed sign-in. */
export function refused(reason: string): AuthenticationError {
  return new AuthenticationError(`Cannot sign in: ${reason}`);
}
