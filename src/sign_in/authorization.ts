import {
  type AuthorizationResponseError,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  validateAuthResponse,
} from "oauth4webapi";
import { toSingleLine, withoutIds } from "../core/error_response.ts";
import { bound } from "../core/bound.ts";
import type { TokenRequest } from "../core/get_token.ts";
import { parseObject } from "../core/json.ts";
import { redact } from "../core/redact.ts";
import { AuthenticationError } from "../errors.ts";
import { type Authority, endpointOf } from "../entra/authority.ts";
import { mergeClaims } from "../entra/claims.ts";
import { compareIssuers, issuerFor, isTenantOf, tenantIn } from "../entra/issuer.ts";
import { protocolError } from "../entra/protocol_error.ts";

/** Parameters of an authorization request, kept to validate its response. */
export interface PendingAuthorization {
  /** The authorization request. */
  readonly url: string;
  readonly redirectUri: string;
  /** Binds the response to the request (RFC 6749, section 10.12). */
  readonly state: string;
  /** Binds the ID token to the request (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce: string;
  /** The PKCE code verifier (RFC 7636). */
  readonly verifier: string;
}

/** Parameters of an authorization request that the app chooses. */
export interface AuthorizationRequestOptions {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly responseMode: "form_post" | "query" | "fragment";
  readonly prompt?: string | undefined;
  readonly loginHint?: string | undefined;
  readonly domainHint?: string | undefined;
}

/** Options of a sign-in in a browser. */
export interface BrowserSignIn {
  /** Name of the credential. */
  readonly name: string;
  readonly clientId: string;
  readonly redirectUri: string | undefined;
  readonly prompt: string | undefined;
  readonly loginHint: string | undefined;
  readonly domainHint: string | undefined;
  /** How a page sends the user to the authorization endpoint. */
  readonly style: "popup" | "redirect";
  /** Messages of the page that the user sees after the sign-in. */
  readonly messages: { readonly success?: string | undefined; readonly error?: string | undefined };
}

/**
 * Creates an authorization request with PKCE.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export async function createAuthorization(
  { server, scopes, claims, enableCae }: Pick<TokenRequest, "scopes" | "claims" | "enableCae"> & {
    readonly server: Authority;
  },
  options: AuthorizationRequestOptions,
): Promise<PendingAuthorization> {
  const [state, nonce, verifier] = [generateRandomState(), generateRandomNonce(), generateRandomCodeVerifier()];
  const merged = mergeClaims(claims, enableCae);
  const parameters = {
    client_id: options.clientId,
    response_type: "code",
    redirect_uri: options.redirectUri,
    response_mode: options.responseMode,
    scope: scopes.join(" "),
    state,
    nonce,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    client_info: "1",
    ...options.prompt !== undefined && { prompt: options.prompt },
    ...options.loginHint !== undefined && { login_hint: options.loginHint },
    ...options.domainHint !== undefined && { domain_hint: options.domainHint },
    ...merged !== undefined && { claims: merged },
  };
  const url = new URL(endpointOf(server, "authorization_endpoint"));
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, redirectUri: options.redirectUri, state, nonce, verifier };
}

/**
 * Validates an authorization response and returns its code.
 *
 * @throws {AuthenticationError} The response is an error, has no code, or does not belong to the request.
 */
export function readAuthorizationCode(
  parameters: URLSearchParams,
  { server, clientId, state }: { readonly server: Authority; readonly clientId: string; readonly state: string },
): string {
  const action = "Cannot sign in";
  for (const name of ["code", "error", "iss", "state"]) {
    if (parameters.getAll(name).length > 1) {
      throw new AuthenticationError(`${action}: The response has several "${name}" parameters`);
    }
  }
  // Validated here and not by oauth4webapi, because "iss" (RFC 9207) has the user's tenant, but the issuer of the
  // server may have "common" or a domain name.
  const iss = parameters.get("iss");
  if (iss !== null && !isResponseIssuer(server, iss)) {
    const issuers = compareIssuers(server, iss, tenantIn(iss));
    throw new AuthenticationError(`${action}: The response is from another issuer: ${issuers}`);
  }
  const withoutIssuer = new URLSearchParams(parameters);
  withoutIssuer.delete("iss");
  const secrets = [state, ...parameters.getAll("code")];
  let code: string | null;
  try {
    code = validateAuthResponse(server, { client_id: clientId }, withoutIssuer, state).get("code");
  } catch (cause) {
    const { error, error_description = "" } = cause as AuthorizationResponseError;
    if (error === undefined) {
      throw protocolError(cause, action, { secrets });
    }
    const sanitize = (text: string) => toSingleLine(redact(withoutIds(bound(text)), secrets)).trim();
    const errorResponse = { error: sanitize(error), errorDescription: sanitize(error_description) };
    const message = Object.values(errorResponse).filter(Boolean).join(". ");
    throw new AuthenticationError(`${action}: ${message}`, { errorResponse });
  }
  if (code) return code;
  throw new AuthenticationError(`${action}: The response has no code`);
}

function isResponseIssuer(server: Authority, issuer: string): boolean {
  const tenantId = tenantIn(issuer);
  return issuerFor(server, issuer, tenantId) !== undefined &&
    (tenantId === undefined || isTenantOf(server, tenantId));
}

/** Parses a pending authorization that was stored as JSON; returns `undefined` if it is incomplete. */
export function readAuthorization(json: string | null | undefined): PendingAuthorization | undefined {
  const { url, redirectUri, state, nonce, verifier } = parseObject(json ?? "") ?? {};
  const members = [url, redirectUri, state, nonce, verifier];
  return members.every((value) => typeof value === "string" && value !== "")
    ? { url, redirectUri, state, nonce, verifier } as PendingAuthorization
    : undefined;
}
