/** The next step if a web page was received instead of a response. */
export const PORTAL: string = "Sign in to the network if it has a sign-in page, and check the proxy if there is one";

/** Next steps for a request without a complete response, by the words of runtimes and proxies for the cause. */
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

/** Returns the next step for the reason why there is no response; `undefined` for an unknown one. */
export function adviceForCause(reason: string): string | undefined {
  return NETWORK_ADVICE.find(([cause]) => cause.test(reason))?.[1];
}
