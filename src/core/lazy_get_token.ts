import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { GetToken } from "./get_token.ts";

/**
 * Returns a `getToken` that is created at the first call, and created again after a call that found the credential
 * unavailable, because variables may have been added to the environment. An identity that is configured does not
 * change, even if its call fails, because a program that has removed its variables must not use another identity.
 */
export function lazyGetToken(create: () => GetToken | Promise<GetToken>): GetToken {
  let current: GetToken | undefined;

  async function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    const created = current ?? await create();
    // Another call may have created one meanwhile, and the identity of a program must not change.
    const used = current ??= created;
    try {
      return await used(scopes, options);
    } catch (error) {
      const { name } = Object(error) as { name?: unknown };
      if (name === "CredentialUnavailableError" && current === used) current = undefined;
      throw error;
    }
  }

  return getToken;
}
