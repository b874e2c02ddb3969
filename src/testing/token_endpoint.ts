import { encodeBase64Url } from "../core/encoding.ts";
import { Refusal } from "./refusal.ts";
import { checkAssertion } from "./assertions.ts";
import { type Directory, findApp, isPublic, isShared, required, same } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { objectIdOf, signAccessToken, signIdToken, type TokenOrder } from "./tokens.ts";
import { findSession, type TokenCall } from "./user_grants.ts";

const OPENID_SCOPES = ["openid", "profile", "email", "offline_access"];
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** The grants by which an app speaks for nobody who is not there: it has to prove itself. */
const CONFIDENTIAL = ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"];

/** Returns the body of the answer, or throws a `Refusal`. */
export async function answerTokenCall(call: TokenCall, directory: Directory): Promise<Record<string, unknown>> {
  const grant = required(call.form, "grant_type");
  const session = findSession(grant);
  if (!session && grant !== "client_credentials") throw new Refusal(70003, { grant });
  const app = findApp(directory, required(call.form, "client_id"), call.tenant);
  const proof = await checkProof(call, app, directory);
  const handlesClaims = asksForCp1(call.form.claims);
  const base = { origin: call.url.origin, app, proof, handlesClaims };
  if (!session) {
    if (isShared(call.tenant)) throw new Refusal(50059);
    const resource = appResource(required(call.form, "scope"), call, directory);
    return await answer({ ...base, tenantId: app.tenantId, resource, scopes: [] }, directory);
  }
  const { user, isStrong, nonce, scope = required(call.form, "scope"), taken } = await session(call, app, directory);
  const { resource, names, openid } = userScopes(scope, call, directory);
  if (user.requiresMfa && !isStrong) throw new Refusal(50076, { resource });
  taken?.(openid.includes("offline_access"));
  const order: TokenOrder = { ...base, tenantId: user.tenantId, resource, scopes: names, user, isStrong, nonce };
  return {
    ...await answer(order, directory),
    scope: [...names.map((name) => `${resource}/${name}`), ...openid].join(" "),
    ...(openid.includes("openid") && { id_token: await signIdToken(order, user, directory) }),
    ...(openid.includes("offline_access") && { refresh_token: refreshToken(app, { user, isStrong }, directory) }),
    ...(call.form.client_info === "1" && { client_info: await clientInfo(user) }),
  };
}

/** Returns how the application proved itself. */
async function checkProof({ form, url }: TokenCall, app: EntraApp, directory: Directory): Promise<0 | 1 | 2> {
  const canProve = Boolean(app.secrets?.length || app.certificates?.length || app.federatedCredentials?.length);
  const { client_secret: secret, client_assertion: assertion } = form;
  if ((secret || assertion) && !canProve) throw new Refusal(700025);
  if (assertion) {
    if (required(form, "client_assertion_type") !== JWT_BEARER) throw new Refusal(9002313);
    await checkAssertion(assertion, app, url, directory);
    return 2;
  }
  if (secret) {
    const found = (app.secrets ?? []).map((entry) =>
      typeof entry === "string" ? { value: entry, expiresOnTimestamp: Infinity } : entry
    )
      .find(({ value }) => value === secret);
    if (!found) throw new Refusal(7000215, { app: app.clientId });
    if (found.expiresOnTimestamp <= directory.now()) throw new Refusal(7000222, { app: app.clientId });
    return 1;
  }
  if (form.grant_type === "client_credentials") throw new Refusal(7000216);
  if (!isPublic(app) || CONFIDENTIAL.includes(form.grant_type!)) throw new Refusal(7000218);
  return 0;
}

/** Returns the resource of an application's one scope. */
function appResource(scope: string, { tenant }: TokenCall, directory: Directory): string {
  const scopes = scope.split(" ").filter(Boolean);
  if (scopes.length !== 1 || !scopes[0]!.endsWith("/.default")) throw new Refusal(1002012, { scope });
  return knownResource(scopes[0]!.slice(0, -"/.default".length), tenant, directory);
}

/** Takes a user's scopes apart: one resource, the names of its scopes, and what is for the sign-in. */
function userScopes(scope: string, { tenant }: TokenCall, directory: Directory) {
  const scopes = scope.split(" ").filter(Boolean);
  const openid = scopes.filter((scope) => OPENID_SCOPES.includes(scope));
  const parts = scopes.filter((scope) => !OPENID_SCOPES.includes(scope)).map((scope) => {
    const slash = scope.lastIndexOf("/");
    return slash > 0
      ? { resource: scope.slice(0, slash), name: scope.slice(slash + 1) }
      : { resource: "https://graph.microsoft.com", name: scope };
  });
  const resource = parts[0]?.resource ?? "https://graph.microsoft.com";
  if (parts.some((part) => part.resource !== resource)) throw new Refusal(28000, { scope });
  const names = parts.map(({ name }) => name);
  if (names.includes("") || (names.includes(".default") && names.length > 1)) throw new Refusal(70011, { scope });
  return { resource: knownResource(resource, tenant, directory), names, openid };
}

function knownResource(resource: string, tenant: string, { resources }: Directory): string {
  const bare = (text: string) => text.replace(/\/$/, "");
  if (!resource || resources?.every((known) => !same(bare(known), bare(resource)))) {
    throw new Refusal(500011, { resource, tenant });
  }
  return resource;
}

function refreshToken(app: EntraApp, session: { user: EntraUser; isStrong: boolean }, directory: Directory): string {
  const token = `1.${crypto.randomUUID()}`;
  directory.refreshTokens.set(token, { clientId: app.clientId, ...session });
  return token;
}

async function answer(order: TokenOrder, directory: Directory): Promise<Record<string, unknown>> {
  const number = (value: number) => directory.numbersAsStrings ? String(value) : value;
  return {
    token_type: "Bearer",
    expires_in: number(directory.lifetimeInS),
    ext_expires_in: number(directory.lifetimeInS),
    ...(directory.refreshInS !== undefined && { refresh_in: number(directory.refreshInS) }),
    access_token: await signAccessToken(order, directory),
  };
}

async function clientInfo({ tenantId, username }: EntraUser): Promise<string> {
  const info = JSON.stringify({ uid: await objectIdOf(`${tenantId}/${username}`), utid: tenantId });
  return encodeBase64Url(info);
}

function asksForCp1(claims: string | undefined): boolean {
  if (!claims) return false;
  try {
    const values = JSON.parse(claims).access_token?.xms_cc?.values;
    return Array.isArray(values) && values.some((value) => same(String(value), "cp1"));
  } catch {
    throw new Refusal(9002313);
  }
}
