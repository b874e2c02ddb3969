/**
 * A certified authorization server as the issuer of assertions: `oidc-provider`, with tokens of the client credentials
 * grant.
 *
 * @module
 */
import { exportJWK, generateKeyPair } from "jose";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

/** A running issuer. */
export interface Issuer {
  /** The URL, which is the `iss` of the tokens. */
  readonly url: string;
  /** The client id, which is the `sub` of the tokens. */
  readonly clientId: string;
  /** Requests a new token. */
  requestToken(): Promise<string>;
  close(): Promise<void>;
}

/** Starts an issuer of JWTs with this audience. */
export async function startIssuer(audience: string): Promise<Issuer> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const [clientId, secret] = ["my-workload", "a-secret"];
  const provider = new Provider(url, {
    clients: [{
      client_id: clientId,
      client_secret: secret,
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "client_secret_post",
    }],
    jwks: { keys: [{ ...await exportJWK(privateKey), kid: "1", alg: "RS256", use: "sig" }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  http.on("request", provider.callback());
  return {
    url,
    clientId,
    async requestToken() {
      const form = { grant_type: "client_credentials", client_id: clientId, client_secret: secret, resource: audience };
      const response = await fetch(`${url}/token`, { method: "POST", body: new URLSearchParams(form) });
      return (await response.json()).access_token;
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
