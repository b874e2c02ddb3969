/**
 * `DeviceCodeCredential` signs in a user on another device, with a code that the application shows.
 *
 * @example
 * ```ts no-eval
 * import { DeviceCodeCredential } from "@azweb/identity/device-code-credential";
 *
 * const credential = new DeviceCodeCredential({ tenantId: "my-tenant-id", clientId: "my-client-id" });
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @module
 */

import type { AuthenticationRecord } from "../authentication_record.ts";
import { internalsOf, setInternals } from "../core/internals.ts";
import { resolveSettings } from "../core/settings.ts";
import { type DeviceCodeInfo, signInByDeviceCode } from "../oauth/device_code.ts";
import { createUserSession, publicClient, type UserSession } from "../oauth/user_session.ts";
import type { InteractiveCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type { DeviceCodeInfo } from "../oauth/device_code.ts";

/** Shows the code to the user. What it returns is waited for. */
export type DeviceCodePromptCallback = (deviceCodeInfo: DeviceCodeInfo) => unknown;

/** Options of {@linkcode DeviceCodeCredential}. */
export interface DeviceCodeCredentialOptions extends InteractiveCredentialOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`. Default: any. */
  tenantId?: string | undefined;
  /** The client id of an app that is a public client. Default: the Azure CLI's, for development. */
  clientId?: string | undefined;
  /** Shows the code to the user. Default: the message goes to `log`, and to the console where that is not given. */
  userPromptCallback?: DeviceCodePromptCallback | undefined;
  /** How long a sign-in may take, in milliseconds. Default: 960,000, a minute more than a code is good for. */
  timeoutInMs?: number | undefined;
}

/**
 * A user who signs in on another device, by a code that the program shows (RFC 8628): for command lines, and machines without a browser.
 * Afterwards tokens are had without the user, as long as the instance lives.
 *
 * @example
 * ```ts no-eval
 * import { DeviceCodeCredential } from "@azweb/identity";
 *
 * const credential = new DeviceCodeCredential({
 *   tenantId: "my-tenant-id",
 *   clientId: "my-client-id",
 *   userPromptCallback: ({ message }) => console.log(message),
 * });
 * const { token } = await credential.getToken("https://graph.microsoft.com/User.Read");
 * ```
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export class DeviceCodeCredential implements TokenCredential {
  /**
   * Checks the options; sends nothing.
   *
   * @param options See {@linkcode DeviceCodeCredentialOptions}.
   * @throws {TypeError} An option is malformed.
   */
  constructor(options: DeviceCodeCredentialOptions = {}) {
    const client = publicClient(options);
    const { clientId } = client;
    const { userPromptCallback } = options;
    if (userPromptCallback !== undefined && typeof userPromptCallback !== "function") {
      throw new TypeError('Option "userPromptCallback" must be a function');
    }
    const name = "DeviceCodeCredential";
    const settings = { ...resolveSettings(options), timeoutInMs: options.timeoutInMs ?? 960_000 };
    const prompt = userPromptCallback ?? (({ message }: DeviceCodeInfo) => {
      if (options.log) return settings.log({ event: "sign-in-wanted", credential: name, message });
      // The one text that is for the user, who has to see it: the program said of no other place.
      // deno-lint-ignore azweb/no-console
      console.log(message);
    });
    const session = createUserSession({
      name,
      ...client,
      signIn: (wanted) => signInByDeviceCode({ name, clientId, prompt }, wanted, settings),
    }, settings);
    setInternals(this, session);
  }

  /**
   * Returns a token: from memory while it is fresh, without the user after the first sign-in, else after one.
   *
   * @param scopes What the token is for, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationRequiredError} The user has to sign in, and `disableAutomaticAuthentication` is set.
   * @throws {AuthenticationError} The user declines, nobody enters the code in time, Microsoft Entra refuses or does not answer.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<UserSession>(this).getToken(scopes, options);
  }

  /**
   * Has the user sign in, whoever has before. Returns who it was: keep it, and hand it in as `authenticationRecord`.
   *
   * @param scopes What the user is to consent to.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} As `getToken`.
   */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined> {
    return internalsOf<UserSession>(this).authenticate(scopes, options);
  }
}
