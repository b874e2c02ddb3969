import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { GetToken } from "./get_token.ts";

/**
 * Returns a `getToken` that is created at the first call, and again after a call that found the credential
 * unavailable: the environment may still be completed. An identity that is configured stays, also if it fails: a
 * program that has removed its variables meanwhile must not become another identity.
 */
export function lazyGetToken(create: () => GetToken | Promise<GetToken>): GetToken {
  let current: GetToken | undefined;

  async function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    const created = current ?? await create();
    // Another call may have created one meanwhile: one program, one identity.
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
