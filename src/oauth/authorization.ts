import { tidy, withoutIds } from "../core/answer_error.ts";
import { bound } from "../core/bound.ts";
import { encodeBase64Url } from "../core/encoding.ts";
import { parseObject } from "../core/json.ts";
import { AuthenticationError } from "../errors.ts";
import type { Authority } from "./authority.ts";
import { mergeClaims } from "./claims.ts";
import { endpointOf } from "./endpoint_of.ts";
import { isIssuerOf, isTenantOf, tenantIn } from "./issuer.ts";
import type { SignIn } from "./user_session.ts";

/** What the user is asked with, and what the answer must fit. */
export interface Authorization {
  /** Where the user signs in. */
  readonly url: string;
  readonly redirectUri: string;
  /** Tells this sign-in's answer from another's (RFC 6749, section 10.12). */
  readonly state: string;
  /** Tells this sign-in's ID token from another's (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce: string;
  /** Proves that who redeems the code is who asked for it (RFC 7636). */
  readonly verifier: string;
}

/** What an app wishes of a sign-in. */
export interface AuthorizationWish {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly responseMode: "form_post" | "query" | "fragment";
  readonly prompt?: string | undefined;
  readonly loginHint?: string | undefined;
  readonly domainHint?: string | undefined;
}

/** What an app wishes of a sign-in in a browser. */
export interface BrowserSignIn {
  /** Of the credential. */
  readonly name: string;
  readonly clientId: string;
  readonly redirectUri: string | undefined;
  readonly prompt: string | undefined;
  readonly loginHint: string | undefined;
  readonly domainHint: string | undefined;
  /** How a page asks. */
  readonly style: "popup" | "redirect";
  /** What the user reads in the end. */
  readonly messages: { readonly success?: string | undefined; readonly error?: string | undefined };
}

/**
 * Returns what a user is asked with to sign in: the authorization code flow with PKCE.
 *
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export async function createAuthorization(
  { server, scopes, claims, enableCae }: Pick<SignIn, "server" | "scopes" | "claims" | "enableCae">,
  wish: AuthorizationWish,
): Promise<Authorization> {
  const [state, nonce, verifier] = [random(), random(), random()] as const;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const merged = mergeClaims(claims, enableCae);
  const parameters = {
    client_id: wish.clientId,
    response_type: "code",
    redirect_uri: wish.redirectUri,
    response_mode: wish.responseMode,
    scope: scopes.join(" "),
    state,
    nonce,
    code_challenge: encodeBase64Url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    client_info: "1",
    ...wish.prompt !== undefined && { prompt: wish.prompt },
    ...wish.loginHint !== undefined && { login_hint: wish.loginHint },
    ...wish.domainHint !== undefined && { domain_hint: wish.domainHint },
    ...merged !== undefined && { claims: merged },
  };
  const url = new URL(endpointOf(server, "authorization_endpoint"));
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, redirectUri: wish.redirectUri, state, nonce, verifier };
}

/** Returns the code of an answer that has the right state. Throws an `AuthenticationError` where it holds an error, or no code. */
export function codeIn(parameters: URLSearchParams, server: Authority): string {
  const [error, code, issuer] = ["error", "code", "iss"].map((name) => parameters.get(name));
  // Another server's answer, which is none of ours (RFC 9207).
  const tenantId = issuer ? tenantIn(issuer) : undefined;
  const isOurs = issuer === null ||
    isIssuerOf(server, issuer, tenantId) && (tenantId === undefined || isTenantOf(server, tenantId));
  if (!isOurs) {
    throw new AuthenticationError("Cannot sign in: The answer is by another issuer");
  }
  if (!error && code) return code;
  const description = tell(parameters.get("error_description") ?? "");
  const errorResponse = error ? { error: tell(error), errorDescription: description } : undefined;
  const words = [error ? tell(error) : "The answer holds no code", description].filter(Boolean).join(". ");
  throw new AuthenticationError(`Cannot sign in: ${words}`, { ...errorResponse && { errorResponse } });
}

/** 43 characters that nobody guesses. */
function random(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

function tell(text: string): string {
  return tidy(withoutIds(bound(text))).trim();
}

/** Returns what is left of a JSON text, for what was kept elsewhere meanwhile. */
export function readAuthorization(json: string | null | undefined): Authorization | undefined {
  const { url, redirectUri, state, nonce, verifier } = parseObject(json ?? "") ?? {};
  const all = [url, redirectUri, state, nonce, verifier];
  return all.every((value) => typeof value === "string" && value !== "")
    ? { url, redirectUri, state, nonce, verifier } as Authorization
    : undefined;
}
