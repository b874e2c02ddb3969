import { CredentialUnavailableError } from "./errors.ts";
import type { AccessToken, TokenCredential } from "./token_credential.ts";

/**
 * Always throws, because there are no plug-ins. Exists so that a program for `@azure/identity` that imports it can be
 * loaded.
 *
 * @param _plugin Ignored.
 * @throws {TypeError} Always. The message names what replaces the plug-ins.
 */
export function useIdentityPlugin(_plugin?: unknown): never {
  throw new TypeError(
    'The plug-ins of @azure/identity are not supported: to persist tokens, use the option "cache"; brokers require ' +
      "native code",
  );
}

/** The functions of {@linkcode logger}. */
export interface IdentityLogger {
  /** Always throws. */
  error(...args: unknown[]): never;
  /** Always throws. */
  warning(...args: unknown[]): never;
  /** Always throws. */
  info(...args: unknown[]): never;
  /** Always throws. */
  verbose(...args: unknown[]): never;
}

/**
 * The logger of `@azure/identity`, whose functions always throw. Exists so that a program that imports it can be
 * loaded. The option `log` of each credential replaces it.
 */
export const logger: IdentityLogger = {
  error: explainLogger,
  warning: explainLogger,
  info: explainLogger,
  verbose: explainLogger,
};

function explainLogger(): never {
  throw new TypeError(
    'The logger of @azure/identity is not supported: pass the option "log", a function, to each credential',
  );
}

/**
 * A credential that is never available, because it requires native code. Exists so that a chain for `@azure/identity`
 * continues with its next credential.
 */
export class VisualStudioCodeCredential implements TokenCredential {
  /**
   * Creates the credential.
   *
   * @param _options Ignored.
   */
  constructor(_options?: object) {}

  /**
   * Always rejects.
   *
   * @throws {CredentialUnavailableError} Always. The message names the credential to use instead.
   */
  getToken(): Promise<AccessToken> {
    return Promise.reject(
      new CredentialUnavailableError("VisualStudioCodeCredential: Cannot get a token: It requires native code", {
        outcome: "absent",
        nextStep: "Use AzureCliCredential, and run az login",
      }),
    );
  }
}
