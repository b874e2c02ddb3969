import type { ClientAuth } from "oauth4webapi";
import { checkOption, checkText } from "../core/validate.ts";
import type { Settings } from "../core/settings.ts";
import { createCertificateAuth } from "../certificates/certificate_auth.ts";
import { checkCertificateConfiguration } from "../certificates/certificate_configuration.ts";
import { assertionAuth, secretAuth } from "../entra/client_auth.ts";
import { fileReaders } from "../runtime/files.ts";
import type { WebSignInOptions } from "./web_sign_in_options.ts";

/** Returns the app's client authentication. Throws a `TypeError` unless exactly one is configured. */
export function createWebClientAuth(options: WebSignInOptions, settings: Settings): ClientAuth {
  const { clientSecret, clientCertificate, getAssertion, runtime, sendCertificateChain = false } = options;
  const methods = { clientSecret, clientCertificate, getAssertion };
  if (Object.values(methods).filter((method) => method !== undefined).length !== 1) {
    throw new TypeError(`Options of a web sign-in must have exactly one of "${Object.keys(methods).join('", "')}"`);
  }
  if (clientSecret !== undefined) {
    checkOption("clientSecret", clientSecret, checkText);
    return secretAuth(clientSecret);
  }
  if (getAssertion !== undefined) {
    if (typeof getAssertion !== "function") throw new TypeError('Option "getAssertion" must be a function');
    return assertionAuth(getAssertion);
  }
  checkOption("clientCertificate", clientCertificate!, checkCertificateConfiguration);
  return createCertificateAuth(clientCertificate!, {
    sendCertificateChain,
    ...fileReaders(runtime),
    now: settings.now,
  });
}
