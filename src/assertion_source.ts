import type { CredentialOptions } from "./options.ts";

/** The token request for which an {@linkcode AssertionSource} is called, as far as the caller knows it. */
export interface AssertionRequest {
  /** Stops the call, which then rejects with the signal's reason. */
  readonly abortSignal?: AbortSignal | undefined;
  /** The client id of the app that authenticates with the assertion. */
  readonly clientId?: string | undefined;
  /**
   * The token endpoint that receives the assertion. Its cloud determines the default audience, unless the source has
   * the option `authorityHost`.
   */
  readonly tokenEndpoint?: string | undefined;
}

/**
 * Returns a new assertion, a JWT that Microsoft Entra accepts as client authentication (RFC 7523, section 2.2), at each
 * call. Call it once for each token request.
 *
 * The function is a `getAssertion` of `ClientAssertionCredential`, here and in `@azure/identity`, and a
 * `clientAssertion` of msal-node and better-auth.
 *
 * @throws {CredentialUnavailableError} The program does not run on the platform, or the platform offers no token to it.
 * @throws {AuthenticationError} The platform rejects the request or cannot be reached, or the assertion cannot be used.
 */
export type AssertionSource = (request?: AssertionRequest) => Promise<string>;

/** Options of every source of assertions. */
export interface AssertionSourceOptions extends
  Pick<
    CredentialOptions,
    | ("allowInsecureLoopback" | "authorityHost" | "env" | "fetch" | "localFetch" | "log")
    | ("retryOptions" | "runtime" | "timeoutInMs")
  > {
  /**
   * The audience (`aud`) of the assertion, as in the federated credential of the app. By default the audience of the
   * cloud, which is `"api://AzureADTokenExchange"` for the public cloud.
   *
   * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
   */
  audience?: string | undefined;
}
