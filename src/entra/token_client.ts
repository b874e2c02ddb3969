import { type AuthorizationServer, genericTokenEndpointRequest } from "oauth4webapi";
import type { Acquire, TokenRequest } from "../core/get_token.ts";
import type { HttpResult } from "../core/http.ts";
import { redact } from "../core/redact.ts";
import { retry, TRANSIENT_FAILURES } from "../core/retry.ts";
import type { Settings } from "../core/settings.ts";
import { readTokenSet, type TokenBody, tokenBodyOf } from "../core/token_set.ts";
import type { TokenSet } from "../token_cache.ts";
import { VERSION } from "../version.ts";
import { entraError } from "./error_advice.ts";
import { resolveAuthority } from "./authority.ts";
import { mergeClaims } from "./claims.ts";
import type { AbortableClientAuth } from "./client_auth.ts";
import { sendRequest } from "./send_request.ts";

const SECRET_FIELDS = [
  "client_secret",
  "client_assertion",
  "password",
  "assertion",
  "code",
  "code_verifier",
  "device_code",
  "refresh_token",
  "user_federated_identity_credential",
];

/** Grants whose request has no side effect at the service. */
const REPEATABLE: readonly string[] = [
  "client_credentials",
  "urn:ietf:params:oauth:grant-type:jwt-bearer",
  "user_fic",
];

/** Parameters of every token request. */
export type TokenParameters = Pick<TokenRequest, "scopes" | "claims" | "enableCae" | "signal">;

/** An authorization grant, and the client that uses it. */
export interface Grant {
  /** Name of the credential. */
  readonly name: string;
  readonly clientId: string;
  readonly clientAuth: AbortableClientAuth;
  /** How to renew the client assertion, as a sentence. By default a callback returns it. */
  readonly renewal?: string | undefined;
  /** `grant_type` (RFC 6749, section 4). */
  readonly type:
    | ("client_credentials" | "password" | "authorization_code" | "refresh_token" | "user_fic")
    | `urn:ietf:params:oauth:grant-type:${"jwt-bearer" | "device_code"}`;
  /** Parameters of the grant besides `grant_type`. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Claims that each token request contains, a JSON string. They take precedence over those of the call. */
  readonly claims?: string | undefined;
}

/** A successful token response. Only the access token is validated. */
export interface TokenResponse {
  readonly token: TokenSet;
  readonly body: TokenBody;
}

/** Returns a function that requests access tokens by a grant at the token endpoint of Microsoft Entra. */
export function createTokenClient(grant: Grant, settings: Settings): Acquire {
  return async (request) => {
    // Validates the claims before the first request.
    mergeClaims(request.claims, request.enableCae, grant.claims);
    const authority = await resolveAuthority(grant.name, request, settings);
    const region = grant.type === "client_credentials" && settings.env("AZURE_REGIONAL_AUTHORITY_NAME");
    // Loaded on demand, because few programs set a region.
    const server = region
      ? await (await import("./region.ts")).regionalEndpoint(authority, region, request.signal, settings)
      : authority;
    return (await requestTokens(grant, { ...request, server }, settings)).token;
  };
}

/** Requests tokens by a grant at the token endpoint of the server. */
export async function requestTokens(
  grant: Grant,
  request: TokenParameters & { readonly server: AuthorizationServer },
  settings: Settings,
): Promise<TokenResponse> {
  const { server } = request;
  const claims = mergeClaims(request.claims, request.enableCae, grant.claims);
  const parameters = {
    ...grant.parameters,
    scope: request.scopes.join(" "),
    // Form parameters, because headers would cause a preflight request that fails.
    "client-request-id": crypto.randomUUID(),
    "x-client-SKU": "azweb.identity",
    "x-client-VER": VERSION,
    ...claims !== undefined && { claims },
  };
  const client = { client_id: grant.clientId };
  let sentOn = 0;
  let sent = new URLSearchParams();

  async function attempt(limitInMs: number | undefined): Promise<HttpResult> {
    // Each attempt authenticates the client again, because Microsoft Entra accepts an assertion only once.
    const exchange = await sendRequest(
      (options) =>
        genericTokenEndpointRequest(
          server,
          client,
          (...call) => grant.clientAuth(...call, request.signal),
          grant.type,
          parameters,
          options,
        ),
      { signal: request.signal, limitInMs },
      settings,
    );
    ({ form: sent, sentOn } = exchange);
    return exchange.response;
  }

  const clean = (text: string) => redact(text, SECRET_FIELDS.flatMap((field) => sent.get(field) || []));
  const response = await retry(
    attempt,
    {
      credential: grant.name,
      rules: TRANSIENT_FAILURES,
      signal: request.signal,
      redact: clean,
      unrepeatable: !REPEATABLE.includes(grant.type),
    },
    settings,
  );
  const action = `Cannot get a token for "${request.scopes.join(" ")}" from "${server.token_endpoint}"`;
  const body = tokenBodyOf(response);
  if (!body) {
    throw await entraError(response, action, {
      redact: clean,
      request: {
        form: sent,
        scopes: request.scopes,
        sentOn,
        renewal: grant.renewal,
        loadAdvice: grant.clientAuth.loadAdvice,
      },
    });
  }
  return { token: readTokenSet(body, action, sentOn), body };
}
