import { errorFromResponse } from "../core/error_response.ts";
import type { HttpResult } from "../core/http.ts";
import type { AuthenticationError } from "../errors.ts";

const AGAIN = "Ask for the token again";
const OWN_TOKEN = "Send the token that was issued for this app, as it was issued";

/**
 * What to do about the errors that people meet most, by their AADSTS codes, and by their names (RFC 8628, section 3.5) for who has none.
 *
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const ADVICE: Readonly<Record<number | string, string>> = {
  7000215: "Check the client secret: it must be the secret's value, not its id",
  7000222: "The client secret has expired: create a new one in the app registration",
  7000218:
    "Give a secret, certificate or assertion; or allow public client flows in the app registration, for people to sign in",
  700016: "Check the client id, and that the app is registered in this tenant",
  700027: "Upload this certificate to the app registration",
  700024: "Check the clock of this machine",
  70021: "Add a federated credential with the assertion's issuer, subject and audience to the app registration",
  700211: "Add a federated credential with the assertion's issuer to the app registration",
  700212: "Add a federated credential with the assertion's audience to the app registration",
  700213: "Add a federated credential with the assertion's subject to the app registration",
  90002: "Check the tenant id, and the cloud (authorityHost)",
  28000: "Ask for the scopes of one resource at a time",
  500011: "Check the scope: its resource is not known in this tenant",
  1002012: 'Use a scope that ends in "/.default"',
  65001: "Grant the app its permissions, as an administrator",
  50013: OWN_TOKEN,
  500131: OWN_TOKEN,
  50034: "Check the user name and the tenant",
  50126: "Check the user name and the password",
  50076: "Sign in interactively: the user must use multi-factor authentication",
  53003: "Ask an administrator: a Conditional Access policy blocks the sign-in",
  50196: "Keep one credential and let it remember its tokens: the app asks again and again",
  65004: AGAIN,
  access_denied: AGAIN,
  authorization_declined: AGAIN,
  70020: AGAIN,
  expired_token: AGAIN,
};

/** Returns the error for an answer of Microsoft Entra that is not what was asked for: what it says, and what to do. */
export function entraError(
  answer: HttpResult,
  action: string,
  redact: (text: string) => string = String,
): AuthenticationError {
  return errorFromResponse(answer, action, {
    advice(words) {
      if (answer.status === 0) return 'Check the network, and whether "fetch" knows the proxy, if there is one';
      return ADVICE[words.find((word) => Object.hasOwn(ADVICE, word)) ?? ""];
    },
    redact,
  });
}
