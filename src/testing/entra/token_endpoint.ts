import { encodeBase64Url } from "../../core/encoding.ts";
import { agentSubject, checkAgentAssertion } from "./agents.ts";
import { checkAssertion } from "./assertions.ts";
import { type Directory, findApp, isPublicClient, isTenantAlias, required, same } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { ServiceError } from "./service_error.ts";
import { objectIdOf, signAccessToken, signIdToken, type TokenContent } from "./tokens.ts";
import type { TokenRequest } from "./token_request.ts";
import { findSession } from "./user_grants.ts";

const OPENID_SCOPES = ["openid", "profile", "email", "offline_access"];
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** The grant types for which every client must authenticate. */
const CONFIDENTIAL_GRANTS = ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "user_fic"];

/**
 * Returns the body of a token response.
 *
 * @throws {ServiceError} The request is not valid.
 */
export async function handleTokenRequest(
  request: TokenRequest,
  directory: Directory,
): Promise<Record<string, unknown>> {
  const grant = required(request.form, "grant_type");
  const session = findSession(grant);
  if (!session && grant !== "client_credentials") throw new ServiceError(70003, { grant });
  const app = findApp(directory, required(request.form, "client_id"), request.tenant);
  const clientAuth = await authenticateClient(request, app, directory);
  const handlesClaims = declaresCp1(request.form.claims);
  const base = { origin: request.url.origin, app, clientAuth, handlesClaims };
  if (!session) {
    if (isTenantAlias(request.tenant)) throw new ServiceError(50059);
    const resource = appResource(required(request.form, "scope"), request, directory);
    const subject = agentSubject(request, app, directory);
    return await tokenResponse({ ...base, tenantId: app.tenantId, resource, scopes: [], subject }, directory);
  }
  const { user, hasMfa, nonce, scope = required(request.form, "scope"), redeem } = await session(
    request,
    app,
    directory,
  );
  const { resource, names, openid } = userScopes(scope, request, directory);
  if (user.requiresMfa && !hasMfa) throw new ServiceError(50076, { resource });
  redeem?.(openid.includes("offline_access"));
  const content: TokenContent = { ...base, tenantId: user.tenantId, resource, scopes: names, user, hasMfa, nonce };
  return {
    ...await tokenResponse(content, directory),
    scope: [...names.map((name) => `${resource}/${name}`), ...openid].join(" "),
    ...(openid.includes("openid") && { id_token: await signIdToken(content, user, directory) }),
    ...(openid.includes("offline_access") && { refresh_token: refreshToken(app, { user, hasMfa }, directory) }),
    ...(request.form.client_info === "1" && { client_info: await clientInfo(user) }),
  };
}

/** Validates the credentials of the client, and returns its {@linkcode TokenContent.clientAuth}. */
async function authenticateClient(
  { form, url }: TokenRequest,
  app: EntraApp,
  directory: Directory,
): Promise<0 | 1 | 2> {
  const { blueprintId, certificates, federatedCredentials, secrets } = app;
  const isConfidential = Boolean(
    blueprintId || secrets?.length || certificates?.length || federatedCredentials?.length,
  );
  const { client_secret: secret, client_assertion: assertion } = form;
  if ((secret || assertion) && !isConfidential) throw new ServiceError(700025);
  if (assertion) {
    if (required(form, "client_assertion_type") !== JWT_BEARER) throw new ServiceError(9002313);
    if (blueprintId) await checkAgentAssertion(assertion, app, directory);
    else await checkAssertion(assertion, app, url, directory);
    return 2;
  }
  if (secret) {
    const found = (app.secrets ?? []).map((entry) =>
      typeof entry === "string" ? { value: entry, expiresOnTimestamp: Infinity } : entry
    )
      .find(({ value }) => value === secret);
    if (!found) throw new ServiceError(7000215, { app: app.clientId });
    if (found.expiresOnTimestamp <= directory.now()) throw new ServiceError(7000222, { app: app.clientId });
    return 1;
  }
  if (form.grant_type === "client_credentials") throw new ServiceError(7000216);
  if (!isPublicClient(app) || CONFIDENTIAL_GRANTS.includes(form.grant_type!)) throw new ServiceError(7000218);
  return 0;
}

/**
 * Returns the resource of the only scope of a client credentials request. Microsoft Entra ignores the scopes of OpenID
 * Connect there, which MSAL for Go sends with each request.
 */
function appResource(scope: string, { tenant }: TokenRequest, directory: Directory): string {
  const scopes = scope.split(" ").filter((name) => name !== "" && !OPENID_SCOPES.includes(name));
  if (scopes.length !== 1 || !scopes[0]!.endsWith("/.default")) throw new ServiceError(1002012, { scope });
  return knownResource(scopes[0]!.slice(0, -"/.default".length), tenant, directory);
}

/** Splits the scopes of a user's request into the resource, the names of its scopes, and the OpenID Connect scopes. */
function userScopes(scope: string, { tenant }: TokenRequest, directory: Directory) {
  const scopes = scope.split(" ").filter(Boolean);
  const openid = scopes.filter((scope) => OPENID_SCOPES.includes(scope));
  const parts = scopes.filter((scope) => !OPENID_SCOPES.includes(scope)).map((scope) => {
    const slash = scope.lastIndexOf("/");
    return slash > 0
      ? { resource: scope.slice(0, slash), name: scope.slice(slash + 1) }
      : { resource: "https://graph.microsoft.com", name: scope };
  });
  const resource = parts[0]?.resource ?? "https://graph.microsoft.com";
  if (parts.some((part) => part.resource !== resource)) throw new ServiceError(28000, { scope });
  const names = parts.map(({ name }) => name);
  if (names.includes("") || (names.includes(".default") && names.length > 1)) throw new ServiceError(70011, { scope });
  return { resource: knownResource(resource, tenant, directory), names, openid };
}

function knownResource(resource: string, tenant: string, { resources }: Directory): string {
  const trim = (uri: string) => uri.replace(/\/$/, "");
  if (!resource || resources?.every((known) => !same(trim(known), trim(resource)))) {
    throw new ServiceError(500011, { resource, tenant });
  }
  return resource;
}

function refreshToken(app: EntraApp, session: { user: EntraUser; hasMfa: boolean }, directory: Directory): string {
  const token = `1.${crypto.randomUUID()}`;
  directory.refreshTokens.set(token, { clientId: app.clientId, ...session });
  return token;
}

async function tokenResponse(content: TokenContent, directory: Directory): Promise<Record<string, unknown>> {
  const number = (value: number) => directory.numbersAsStrings ? String(value) : value;
  return {
    token_type: "Bearer",
    expires_in: number(directory.lifetimeInS),
    ext_expires_in: number(directory.lifetimeInS),
    ...(directory.refreshInS !== undefined && { refresh_in: number(directory.refreshInS) }),
    access_token: await signAccessToken(content, directory),
  };
}

async function clientInfo({ tenantId, username }: EntraUser): Promise<string> {
  const info = JSON.stringify({ uid: await objectIdOf(`${tenantId}/${username}`), utid: tenantId });
  return encodeBase64Url(info);
}

function declaresCp1(claims: string | undefined): boolean {
  if (!claims) return false;
  try {
    const values = JSON.parse(claims).access_token?.xms_cc?.values;
    return Array.isArray(values) && values.some((value) => same(String(value), "cp1"));
  } catch {
    throw new ServiceError(9002313);
  }
}
