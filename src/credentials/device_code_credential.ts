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
import { type DeviceCodeInfo, signInByDeviceCode } from "../sign_in/device_code.ts";
import { createUserSession, publicClient, type UserSession } from "../sign_in/session.ts";
import type { InteractiveCredentialOptions } from "../options.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";

export type { DeviceCodeInfo } from "../sign_in/device_code.ts";

/** Shows the code to the user. May return a promise; its rejection ends the sign-in. */
export type DeviceCodePromptCallback = (deviceCodeInfo: DeviceCodeInfo) => unknown;

/** Options of {@linkcode DeviceCodeCredential}. */
export interface DeviceCodeCredentialOptions extends InteractiveCredentialOptions {
  /** The tenant's id or domain name, or `"common"`, `"organizations"` or `"consumers"`. Any tenant by default. */
  tenantId?: string | undefined;
  /** The client id of an app that is a public client. By default the client id of the Azure CLI, for development. */
  clientId?: string | undefined;
  /** Shows the code to the user. By default the message goes to `log`, or to the console if `log` is not set. */
  userPromptCallback?: DeviceCodePromptCallback | undefined;
  /**
   * Maximum duration of a sign-in, in milliseconds. The default is a minute more than the lifetime of a code.
   *
   * @default {960_000}
   */
  timeoutInMs?: number | undefined;
}

/** The functions behind the methods. */
type Internals = Pick<UserSession, "getToken" | "authenticate">;

/** The names of its options, without those that every credential has. */
const OPTIONS = "tenantId clientId authenticationRecord disableAutomaticAuthentication userPromptCallback";

/**
 * Authenticates a user with a code that is entered on another device (RFC 8628), for command lines and machines without
 * a browser. Later tokens are acquired silently for the lifetime of the instance.
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
   * Validates the options. Sends nothing.
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
    const settings = { ...resolveSettings(options, name, OPTIONS), timeoutInMs: options.timeoutInMs ?? 960_000 };
    const prompt = userPromptCallback ?? (({ message }: DeviceCodeInfo) => {
      if (options.log) return settings.log({ event: "sign-in-wanted", credential: name, message });
      // The user has to see this message, and the program has set neither "userPromptCallback" nor "log".
      // deno-lint-ignore azweb/no-console
      console.log(message);
    });
    const { getToken, authenticate } = createUserSession({
      name,
      ...client,
      signIn: (wanted) => signInByDeviceCode({ name, clientId, prompt }, wanted, settings),
    }, settings);
    // Only these functions, and not the whole session, whose snapshot contains the refresh token.
    setInternals(this, { getToken, authenticate });
  }

  /**
   * Returns a token, from the cache if it has one. Otherwise acquires it silently if possible, else prompts the user to
   * sign in.
   *
   * @param scopes Scopes of the token, such as `"https://graph.microsoft.com/User.Read"`.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationRequiredError} The user must sign in, and `disableAutomaticAuthentication` is set.
   * @throws {AuthenticationError} The user declines or does not enter the code in time, or Microsoft Entra rejects the
   * request or cannot be reached.
   */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    return internalsOf<Internals>(this).getToken(scopes, options);
  }

  /**
   * Prompts the user to sign in, even if an account is cached. Returns the account's authentication record; pass it as
   * `authenticationRecord` to reuse the account.
   *
   * @param scopes Scopes that the user consents to.
   * @param options See {@linkcode GetTokenOptions}.
   * @throws {AuthenticationError} As `getToken`.
   */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined> {
    return internalsOf<Internals>(this).authenticate(scopes, options);
  }
}
