import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { GetToken } from "./get_token.ts";

/**
 * Returns a `getToken` that is created at the first call, and again after each call that fails, until one returns a
 * token: the environment may still be completed, but the identity of a running program does not change.
 */
export function lazyGetToken(create: () => GetToken | Promise<GetToken>): GetToken {
  let candidate: GetToken | undefined;
  let decided: GetToken | undefined;

  async function decide(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    let used: GetToken | undefined;
    try {
      const created = candidate ?? await create();
      used = candidate ??= created;
      const token = await used(scopes, options);
      decided ??= used;
      // Another call may have decided meanwhile: one program, one identity.
      return decided === used ? token : await decided(scopes, options);
    } catch (error) {
      if (candidate === used) candidate = undefined;
      throw error;
    }
  }

  return (scopes, options) => (decided ?? decide)(scopes, options);
}
