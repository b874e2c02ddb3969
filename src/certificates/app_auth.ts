import type { Settings } from "../core/settings.ts";
import { checkText } from "../core/validate.ts";
import { type AbortableClientAuth, assertionAuth, type AssertionCallback, secretAuth } from "../entra/client_auth.ts";
import { fileReaders } from "../runtime/files.ts";
import type { RuntimeOverrides } from "../runtime/runtime.ts";
import { createCertificateAuth } from "./certificate_auth.ts";
import { certificateCacheIdentity, checkCertificateConfiguration } from "./certificate_configuration.ts";

/** The kinds of client authentication that an app can have; exactly one is given. */
export interface AppAuthOptions {
  readonly clientSecret?: string | undefined;
  readonly certificatePath?: string | undefined;
  readonly sendCertificateChain?: boolean | undefined;
  readonly getAssertion?: AssertionCallback | undefined;
  readonly runtime?: RuntimeOverrides | undefined;
}

/** The client authentication of an app, and the values that partition the cache by it. */
export interface AppAuth {
  readonly clientAuth: AbortableClientAuth;
  readonly cacheIdentity: () => readonly (string | object)[] | Promise<readonly (string | object)[]>;
}

/** Returns the client authentication of the options. Throws a `TypeError` unless they contain exactly one. */
export function createAppAuth(name: string, options: AppAuthOptions, settings: Settings): AppAuth {
  const { clientSecret, certificatePath, getAssertion, sendCertificateChain = false } = options;
  const ways = { clientSecret, certificatePath, getAssertion };
  if (Object.values(ways).filter((way) => way !== undefined).length !== 1) {
    throw new TypeError(`Options of ${name} must have exactly one of "${Object.keys(ways).join('", "')}"`);
  }
  if (clientSecret !== undefined) {
    checkText(clientSecret, "clientSecret");
    return { clientAuth: secretAuth(clientSecret), cacheIdentity: () => [clientSecret] };
  }
  if (getAssertion !== undefined) {
    if (typeof getAssertion !== "function") throw new TypeError('Option "getAssertion" must be a function');
    return { clientAuth: assertionAuth(getAssertion), cacheIdentity: () => [getAssertion] };
  }
  checkText(certificatePath, "certificatePath");
  checkCertificateConfiguration(certificatePath);
  const context = { sendCertificateChain, ...fileReaders(options.runtime), now: settings.now };
  return {
    clientAuth: createCertificateAuth(certificatePath, context),
    cacheIdentity: () => certificateCacheIdentity(certificatePath, context),
  };
}
