/**
 * A certified authorization server with the paths of Microsoft Entra, at which people sign in with its own forms.
 *
 * @module
 */
import type { InteractiveBrowserCredentialOptions } from "@azweb/identity";
import { exportJWK, generateKeyPair } from "jose";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import { TENANT } from "./service.ts";

/** The apps that people can sign in to. */
export const DESKTOP_APP = "desktop-app";
export const PAGE_APP = "page-app";

/** What the apps may ask for. */
export const API_SCOPE = "api://notes/Notes.Read";

/** An authorization server that runs. */
export interface OidcProvider {
  /** What makes a credential use it. */
  readonly options: InteractiveBrowserCredentialOptions;
  /** What was asked of its token endpoint: each grant, and how that ended. */
  readonly grants: string[];
  /** What the token endpoint was sent, in order. */
  readonly forms: URLSearchParams[];
  close(): Promise<void>;
}

/** Starts the server: PKCE is required, and a refresh token is good for one use. */
export async function startOidcProvider(pages: readonly string[] = []): Promise<OidcProvider> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const app = {
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };
  const provider = new Provider(issuer, {
    clients: [
      { ...app, client_id: DESKTOP_APP, application_type: "native", redirect_uris: ["http://localhost"] },
      ...pages.length > 0 ? [{ ...app, client_id: PAGE_APP, redirect_uris: [...pages] }] : [],
    ],
    routes: {
      authorization: `/${TENANT}/oauth2/v2.0/authorize`,
      token: `/${TENANT}/oauth2/v2.0/token`,
    },
    jwks: { keys: [{ ...await exportJWK(privateKey), kid: "1", alg: "RS256", use: "sig" }] },
    cookies: { keys: ["a key of a test"] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ["openid", "profile", "offline_access", API_SCOPE],
    claims: { profile: ["preferred_username", "tid", "oid"] },
    conformIdTokenClaims: false,
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, oid: id, tid: TENANT, preferred_username: `${id}@contoso.com` }),
    }),
    clientBasedCORS: () => true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      IdToken: 3600,
      RefreshToken: 3600,
      Grant: 3600,
      Session: 3600,
      Interaction: 600,
    },
  });
  const grants: string[] = [];
  const forms: URLSearchParams[] = [];
  interface Context {
    readonly oidc: { readonly body?: Record<string, string> };
  }
  function note({ oidc: { body = {} } }: Context, end: string): void {
    grants.push(`${body.grant_type}: ${end}`);
    forms.push(new URLSearchParams(body));
  }
  provider.on("grant.success", (context: Context) => note(context, "granted"));
  provider.on(
    "grant.error",
    (context: Context, error: Error & { error_detail?: string }) => note(context, error.error_detail ?? error.message),
  );
  const answer = provider.callback();
  http.on("request", (request, response) => {
    // Who may choose an account at Entra signs in and consents here.
    request.url = request.url!.replace("prompt=select_account", "prompt=login%20consent");
    return answer(request, response);
  });
  return {
    grants,
    forms,
    options: {
      tenantId: TENANT,
      clientId: DESKTOP_APP,
      authorityHost: issuer,
      allowInsecureLoopback: true,
      disableInstanceDiscovery: true,
      cache: new Map(),
      env: {},
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
