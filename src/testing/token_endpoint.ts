import { Refusal } from "./refusal.ts";
import { checkAssertion } from "./assertions.ts";
import { type Directory, same } from "./directory.ts";
import type { EntraApp, EntraUser } from "./entra_options.ts";
import { objectIdOf, signAccessToken, signIdToken, type TokenOrder } from "./tokens.ts";

/** A request for a token. */
export interface TokenCall {
  readonly url: URL;
  /** As the path names it: an id, a domain, or one of the names that stand for several. */
  readonly tenant: string;
  readonly form: Readonly<Record<string, string>>;
}

const SHARED_TENANTS = ["common", "organizations", "consumers"];
const OPENID_SCOPES = ["openid", "profile", "email", "offline_access"];
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Returns the body of the answer, or throws a `Refusal`. */
export async function answerTokenCall(call: TokenCall, directory: Directory): Promise<Record<string, unknown>> {
  const grant = required(call.form, "grant_type");
  if (!["client_credentials", "password", "refresh_token"].includes(grant)) throw new Refusal(70003, { grant });
  const app = findApp(call, directory);
  const proof = await checkProof(call, app, directory);
  const handlesClaims = asksForCp1(call.form.claims);
  const base = { host: call.url.host, app, proof, handlesClaims };
  if (grant === "client_credentials") {
    if (isShared(call.tenant)) throw new Refusal(50059);
    const resource = appResource(required(call.form, "scope"), call, directory);
    return await answer({ ...base, tenantId: app.tenantId, resource, scopes: [] }, directory);
  }
  const user = grant === "password" ? checkPassword(call, app, directory) : checkRefreshToken(call, app, directory);
  const { resource, names, openid } = userScopes(required(call.form, "scope"), call, directory);
  if (user.requiresMfa) throw new Refusal(50076, { resource });
  const order: TokenOrder = { ...base, tenantId: user.tenantId, resource, scopes: names, user };
  return {
    ...await answer(order, directory),
    scope: [...names.map((name) => `${resource}/${name}`), ...openid].join(" "),
    ...(openid.includes("openid") && { id_token: await signIdToken(order, user, directory) }),
    ...(openid.includes("offline_access") && { refresh_token: refreshToken(app, user, directory) }),
    ...(call.form.client_info === "1" && { client_info: await clientInfo(user) }),
  };
}

function findApp({ tenant, form }: TokenCall, { apps, users }: Directory): EntraApp {
  const clientId = required(form, "client_id");
  const known = [...apps, ...users].some(({ tenantId }) => same(tenantId, tenant));
  if (!known && !isShared(tenant)) throw new Refusal(90002, { tenant });
  const app = apps.find((app) => same(app.clientId, clientId) && (isShared(tenant) || same(app.tenantId, tenant)));
  if (!app) throw new Refusal(700016, { app: clientId, tenant });
  return app;
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
  if (!(app.allowPublicClient ?? !canProve)) throw new Refusal(7000218);
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

function checkPassword({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): EntraUser {
  if (tenant === "common" || tenant === "consumers") throw new Refusal(9001023);
  const username = required(form, "username");
  const password = required(form, "password");
  const user = directory.users.find((user) =>
    same(user.username, username) && (isShared(tenant) || same(user.tenantId, tenant))
  );
  if (!user) throw new Refusal(50034, { username, tenant, app: app.clientId });
  if (user.password !== password) throw new Refusal(50126);
  return user;
}

function checkRefreshToken({ form, tenant }: TokenCall, app: EntraApp, directory: Directory): EntraUser {
  const grant = directory.refreshTokens.get(required(form, "refresh_token"));
  if (!grant || !same(grant.clientId, app.clientId)) throw new Refusal(70000);
  if (!isShared(tenant) && !same(grant.user.tenantId, tenant)) {
    throw new Refusal(50020, { username: grant.user.username, tenant, app: app.clientId });
  }
  return grant.user;
}

function refreshToken(app: EntraApp, user: EntraUser, directory: Directory): string {
  const token = `1.${crypto.randomUUID()}`;
  directory.refreshTokens.set(token, { clientId: app.clientId, user });
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
  return btoa(info).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
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

function isShared(tenant: string): boolean {
  return SHARED_TENANTS.includes(tenant.toLowerCase());
}

function required(form: Readonly<Record<string, string>>, parameter: string): string {
  const value = form[parameter];
  if (!value) throw new Refusal(900144, { parameter });
  return value;
}
