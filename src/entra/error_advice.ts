import { errorFromResponse } from "../core/error_response.ts";
import type { HttpResult } from "../core/http.ts";
import type { AuthenticationError } from "../errors.ts";

const ONE_RESOURCE = "Request the scopes of one resource at a time";
const RETRY = "Request the token again";
const OWN_TOKEN = "Send the unmodified token that was issued for this app";

/**
 * Next steps for the most common errors, by AADSTS code, or by error code (RFC 8628, section 3.5) for servers without
 * AADSTS codes.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const ADVICE: Readonly<Record<number | string, string>> = {
  7000215: "Check the client secret: it must be the secret's value, not its id",
  7000222: "The client secret has expired: create a new one in the app registration",
  7000218:
    "Give a secret, certificate or assertion; or allow public client flows in the app registration, for user sign-in",
  700016: "Check the client id, and that the app is registered in this tenant",
  700027: "Upload this certificate to the app registration",
  700024: "Check the clock of this machine",
  90002: "Check the tenant id, and the cloud (authorityHost)",
  28000: ONE_RESOURCE,
  500011: "Check the scope: its resource does not exist in this tenant",
  1002012: 'Use a scope that ends in "/.default"',
  9010010: ONE_RESOURCE,
  650053: "Check the scope: its resource has no such permission",
  7000114: "Send the token of a user, not of an app",
  65001: "Grant the app its permissions, as an administrator",
  50013: OWN_TOKEN,
  500131: OWN_TOKEN,
  50034: "Check the user name and the tenant",
  50126: "Check the user name and the password",
  50076: "Sign in interactively: the user must use multi-factor authentication",
  53003: "Ask an administrator: a Conditional Access policy blocks the sign-in",
  50196: "Reuse one credential and its token cache: the app repeats the same request in a loop",
  65004: RETRY,
  access_denied: RETRY,
  authorization_declined: RETRY,
  70020: RETRY,
  expired_token: RETRY,
};

/**
 * Returns the error for a failed request to Microsoft Entra, with the next step.
 *
 * @param adviseFirst Returns the next step for a code, if the request determines it.
 */
export function entraError(
  response: HttpResult,
  action: string,
  redact: (text: string) => string = String,
  adviseFirst: (code: number | string) => string | undefined = () => undefined,
): AuthenticationError {
  return errorFromResponse(response, action, {
    advice(codes) {
      if (response.status === 0) return 'Check the network, and that "fetch" uses the proxy, if there is one';
      return codes.map((code) => adviseFirst(code) ?? (Object.hasOwn(ADVICE, code) ? ADVICE[code] : "")).find(Boolean);
    },
    redact,
  });
}
