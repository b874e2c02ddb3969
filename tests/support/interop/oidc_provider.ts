/**
 * A certified authorization server with the paths of Microsoft Entra, at which users sign in with its own forms.
 *
 * @module
 */
import type { InteractiveBrowserCredentialOptions } from "@azweb/identity";
import { exportJWK, generateKeyPair } from "jose";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import { TENANT } from "../service.ts";

/** The registered apps. */
export const DESKTOP_APP = "desktop-app";
export const DESKTOP_REDIRECT_URI = "http://localhost";
export const PAGE_APP = "page-app";
export const WEB_APP = "web-app";
export const WEB_APP_SECRET = "a secret ~.!*'() +%&=\"";
export const WEB_APP_REDIRECT_URI = "https://app.example/signed-in";

/** The scopes that the apps may request. */
export const API_SCOPE = "api://notes/Notes.Read";
export const MANY_SCOPES: readonly string[] = Array.from({ length: 20 }, (_, n) => `api://notes/Notes.Read.${n}`);

/** The lifetimes of device codes and authorization codes, and of refresh tokens, in seconds. */
export const CODE_LIFETIME_IN_S = 60;
export const REFRESH_TOKEN_LIFETIME_IN_S = 86_400;

const signingKey = generateKeyPair("RS256", { extractable: true }).then(({ privateKey }) => exportJWK(privateKey));

/** A running authorization server. */
export interface OidcProvider {
  /** The options with which a credential uses the server. */
  readonly options: InteractiveBrowserCredentialOptions;
  /** The token requests: each grant and its result. */
  readonly grants: string[];
  /** The forms of the token requests, in order. */
  readonly forms: URLSearchParams[];
  close(): Promise<void>;
}

/** Starts the server. It requires PKCE, and a refresh token can be used once. */
export async function startOidcProvider(pages: readonly string[] = []): Promise<OidcProvider> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const app = {
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        ...app,
        client_id: DESKTOP_APP,
        application_type: "native",
        redirect_uris: [DESKTOP_REDIRECT_URI],
        grant_types: [...app.grant_types, "urn:ietf:params:oauth:grant-type:device_code"],
      },
      {
        ...app,
        client_id: WEB_APP,
        client_secret: WEB_APP_SECRET,
        token_endpoint_auth_method: "client_secret_post",
        redirect_uris: [WEB_APP_REDIRECT_URI],
      },
      ...pages.length > 0 ? [{ ...app, client_id: PAGE_APP, redirect_uris: [...pages] }] : [],
    ],
    routes: {
      authorization: `/${TENANT}/oauth2/v2.0/authorize`,
      device_authorization: `/${TENANT}/oauth2/v2.0/devicecode`,
      token: `/${TENANT}/oauth2/v2.0/token`,
    },
    jwks: { keys: [{ ...await signingKey, kid: "1", alg: "RS256", use: "sig" }] },
    cookies: { keys: ["a key of a test"] },
    features: { deviceFlow: { enabled: true } },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ["openid", "profile", "offline_access", API_SCOPE, ...MANY_SCOPES],
    claims: { profile: ["preferred_username", "tid", "oid"] },
    conformIdTokenClaims: false,
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, oid: id, tid: TENANT, preferred_username: `${id}@contoso.com` }),
    }),
    clientBasedCORS: () => true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: CODE_LIFETIME_IN_S,
      DeviceCode: CODE_LIFETIME_IN_S,
      IdToken: 3600,
      RefreshToken: REFRESH_TOKEN_LIFETIME_IN_S,
      Grant: 2 * REFRESH_TOKEN_LIFETIME_IN_S,
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
    grants.push(`${body.grant_type?.split(":").at(-1)}: ${end}`);
    forms.push(new URLSearchParams(body));
  }
  provider.on("grant.success", (context: Context) => note(context, "granted"));
  provider.on(
    "grant.error",
    (context: Context, error: Error & { error_detail?: string }) => note(context, error.error_detail ?? error.message),
  );
  const answer = provider.callback();
  http.on("request", (request, response) => {
    // Entra's prompt for selecting an account is a sign-in with consent here.
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
