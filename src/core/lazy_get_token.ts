import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { GetToken } from "./create_get_token.ts";
import { nameCredential } from "./failures.ts";

/**
 * Returns a `getToken` that is created by the first call for which `create` does not throw: until then, the environment may still be completed,
 * and the modules of the credential are not loaded.
 */
export function lazyGetToken(name: string, create: () => GetToken | Promise<GetToken>): GetToken {
  let getToken: GetToken | undefined;

  async function createAndGet(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    try {
      const created = await create();
      getToken ??= created;
    } catch (error) {
      nameCredential(error, name);
      throw error;
    }
    return await getToken(scopes, options);
  }

  return (scopes, options) => getToken ? getToken(scopes, options) : createAndGet(scopes, options);
}
