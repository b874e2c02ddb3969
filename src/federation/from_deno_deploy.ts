import type { AssertionSource, AssertionSourceOptions } from "../assertion_source.ts";
import { call } from "./call.ts";
import { createSource } from "./create_source.ts";

/** Options of {@linkcode fromDenoDeploy}. */
export interface DenoDeploySourceOptions extends AssertionSourceOptions {
  /**
   * Returns a token for an audience: `getIdToken` of `@deno/oidc`.
   *
   * @param audience The audience.
   */
  getIdToken: (audience: string) => Promise<string>;
}

/**
 * Returns a source of the OIDC tokens of an app on Deno Deploy, or of any function that returns a token for an
 * audience. Microsoft Entra accepts RSA signatures only: the source rejects a token that is signed by ES256.
 *
 * @param options See {@linkcode DenoDeploySourceOptions}.
 * @throws {TypeError} An option is malformed.
 *
 * @example
 * ```ts no-eval
 * import { ClientAssertionCredential } from "@azweb/identity";
 * import { fromDenoDeploy } from "@azweb/identity/federation";
 *
 * declare function getIdToken(audience: string): Promise<string>; // of jsr:@deno/oidc
 * const getAssertion = fromDenoDeploy({ getIdToken });
 * const credential = new ClientAssertionCredential("my-tenant-id", "my-client-id", getAssertion);
 * ```
 *
 * @see https://docs.deno.com/deploy/reference/oidc/
 */
export function fromDenoDeploy(options: DenoDeploySourceOptions): AssertionSource {
  const { getIdToken } = options;
  if (typeof getIdToken !== "function") throw new TypeError('Option "getIdToken" must be a function');
  const label = "the assertion of Deno Deploy";
  return createSource({
    name: "fromDenoDeploy",
    options: "getIdToken",
    label,
    hasRequestedAudience: true,
    ifEllipticCurve: "Deno Deploy chooses the algorithm: use a certificate, or fromPrivateKey, until it signs by RS256",
    get: ({ audience }) => call(label, "getIdToken", () => getIdToken(audience)),
  }, options);
}
