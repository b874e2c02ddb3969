import { bound } from "../core/bound.ts";
import { errorFromResponse } from "../core/error_response.ts";
import type { HttpResult } from "../core/http.ts";
import type { AuthenticationError } from "../errors.ts";

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
  70021: "Add a federated credential with the assertion's issuer, subject and audience to the app registration",
  700211: "Add a federated credential with the assertion's issuer to the app registration",
  700212: "Add a federated credential with the assertion's audience to the app registration",
  700213: "Add a federated credential with the assertion's subject to the app registration",
  90002: "Check the tenant id, and the cloud (authorityHost)",
  28000: "Request the scopes of one resource at a time",
  500011: "Check the scope: its resource does not exist in this tenant",
  1002012: 'Use a scope that ends in "/.default"',
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

const PORTAL = "Sign in to the network if it has a sign-in page, and check the proxy if there is one";

/** Next steps for a request without a complete response, by what the runtimes and proxies call the cause. */
const NETWORK_ADVICE: readonly (readonly [cause: RegExp, nextStep: string])[] = [
  [
    /\(407\)|HTTP\/1\.[01] 407|tunnel: 407|proxy authentication required/i,
    "Put the user name and the password, percent-encoded, into the URL of the proxy: http://user:password@host:port",
  ],
  [/tunnel/i, "The proxy refuses the connection: have it allow the host, or add the host to NO_PROXY"],
  [/not yet valid|not valid yet|CERT_NOT_YET_VALID/, "Set the clock of this machine, which seems to be slow"],
  [
    /certificate (has )?expired|CERT_HAS_EXPIRED/,
    "Check the clock of this machine: if it is right, the certificate of the server or of a proxy must be renewed",
  ],
  [
    /UnknownIssuer|CaUsedAsEndEntity|self[- ]signed|SELF_SIGNED|unable to (verify|get).{0,20} certificate|UNABLE_TO_/,
    "If a proxy inspects TLS, trust the certification authority of your company: by " +
    "NODE_EXTRA_CA_CERTS=<PEM file> or --use-system-ca on Node and Bun, by DENO_CERT=<PEM file> or " +
    "DENO_TLS_CA_STORE=system on Deno",
  ],
  [/ALTNAME|altnames|not valid for name/, `Another server has responded: check the host. ${PORTAL}`],
  [
    /ENOTFOUND|EAI_AGAIN|dns error|failed to lookup address/,
    "Check the name of the host and the DNS settings; if there is a proxy, set HTTPS_PROXY",
  ],
  [/refused/i, "Check the host and the port, also those in HTTPS_PROXY, and that no firewall blocks them"],
  [/a web page/, PORTAL],
];

/** Returns the next step for a request without a complete response; `undefined` for other responses. */
export function networkAdvice({ status, text }: HttpResult): string | undefined {
  if (status !== 0) return undefined;
  const reason = bound(text);
  const [, nextStep] = NETWORK_ADVICE.find(([cause]) => cause.test(reason)) ?? [];
  return nextStep ?? 'Check the network, and that "fetch" uses the proxy, if there is one';
}

/** Returns the error for a failed request to Microsoft Entra, with the next step. */
export function entraError(
  response: HttpResult,
  action: string,
  redact: (text: string) => string = String,
): AuthenticationError {
  return errorFromResponse(response, action, {
    advice(codes) {
      if (response.status === 0) return networkAdvice(response);
      if (response.status >= 300 && response.status < 400) return PORTAL;
      return ADVICE[codes.find((code) => Object.hasOwn(ADVICE, code)) ?? ""];
    },
    redact,
  });
}
