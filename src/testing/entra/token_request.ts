import type { EntraUser } from "./entra_options.ts";

/** A request to the token endpoint, or to the device authorization endpoint. */
export interface TokenRequest {
  readonly url: URL;
  /** The tenant in the path: an id, a domain, or an alias for several tenants. */
  readonly tenant: string;
  readonly form: Readonly<Record<string, string>>;
}

/** The session that a grant authorizes. */
export interface GrantedSession {
  readonly user: EntraUser;
  readonly hasMfa: boolean;
  readonly nonce?: string | undefined;
  /** The scope of the authorization request, if the token request has none. */
  readonly scope?: string;
  /**
   * Marks the grant as used. Called before the tokens are issued.
   *
   * @param isReplaced Whether the response contains a refresh token, which replaces that of the grant.
   */
  readonly redeem?: (isReplaced: boolean) => void;
}
