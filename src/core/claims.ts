import type { GetTokenOptions } from "../token_credential.ts";

/** Returns the claims of a call; `undefined` if there are none, or white space only. */
export function claimsIn(options: GetTokenOptions | undefined): string | undefined {
  const { claims } = options ?? {};
  // A value that is not a string is rejected later.
  return claims && (typeof claims !== "string" || /\S/.test(claims)) ? claims : undefined;
}
