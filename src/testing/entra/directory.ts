import { checkMembers } from "../check_members.ts";
import { checkFederatedCredential } from "./federated_credentials.ts";
import type { EntraApp, EntraFederatedCredential, EntraOptions, EntraSecret, EntraUser } from "./entra_options.ts";
import { ServiceError } from "./service_error.ts";

/** The state of a simulated Entra: its options with all defaults, and the grants that it has issued. */
export interface Directory {
  readonly apps: readonly EntraApp[];
  readonly users: readonly EntraUser[];
  readonly resources: readonly string[] | undefined;
  readonly hosts: readonly string[];
  /** The origin of the issuer and the endpoints; `undefined` if it is the origin of each request. */
  readonly origin: string | undefined;
  /** Fetches the documents of issuers. */
  readonly fetch: typeof fetch | undefined;
  readonly lifetimeInS: number;
  readonly refreshInS: number | undefined;
  readonly numbersAsStrings: boolean;
  readonly allowReplay: boolean;
  /** The assertions that were accepted, by application and `jti`. */
  readonly usedAssertions: Set<string>;
  /** The refresh tokens that were issued. */
  readonly refreshTokens: Map<string, RefreshGrant>;
  /** The authorization codes that were issued. */
  readonly codes: Map<string, CodeGrant>;
  /** The device codes that were issued. */
  readonly deviceCodes: Map<string, DeviceGrant>;
  /**
   * The user of the browser: a username, `null` for a user who declines, `undefined` for the one that the app expects.
   */
  signedInUser: string | null | undefined;
  now(): number;
}

/** A sign-in of a user to an app. */
export interface Session {
  readonly clientId: string;
  readonly user: EntraUser;
  /** Whether the user has completed multi-factor authentication. */
  readonly hasMfa: boolean;
}

/** The session that a refresh token belongs to. */
export interface RefreshGrant extends Session {
  /** Why the token is no longer valid. */
  end?: "replaced" | "revoked";
}

/** The authorization that an authorization code stands for. */
export interface CodeGrant extends Session {
  readonly redirectUri: string;
  readonly scope: string;
  readonly nonce: string | undefined;
  /** The PKCE challenge (RFC 7636), if there was one. */
  readonly challenge: string | undefined;
  /** When the code expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  isRedeemed: boolean;
}

/** The authorization that a device code stands for. */
export interface DeviceGrant {
  readonly clientId: string;
  readonly tenant: string;
  readonly userCode: string;
  readonly scope: string;
  /** When the code expires, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  /** Minimum time between two polls, in milliseconds. */
  intervalInMs: number;
  /** When the client last polled, in milliseconds since the epoch. */
  lastPolledTimestamp: number | undefined;
  /** The user who has entered the code, `null` if the user has declined. */
  user: EntraUser | null | undefined;
}

const OPTIONS: Readonly<Record<keyof EntraOptions, true>> = {
  apps: true,
  users: true,
  resources: true,
  hosts: true,
  tokenLifetimeInMs: true,
  refreshInMs: true,
  numbersAsStrings: true,
  allowReplay: true,
  now: true,
  origin: true,
  fetch: true,
};
const APP_MEMBERS: Readonly<Record<keyof EntraApp, true>> = {
  tenantId: true,
  clientId: true,
  secrets: true,
  certificates: true,
  federatedCredentials: true,
  allowPublicClient: true,
  redirectUris: true,
  identifierUris: true,
  blueprintId: true,
  claims: true,
};
const SECRET_MEMBERS: Readonly<Record<keyof EntraSecret, true>> = { value: true, expiresOnTimestamp: true };
const FEDERATED_CREDENTIAL_MEMBERS: Readonly<Record<keyof EntraFederatedCredential, true>> = {
  issuer: true,
  subject: true,
  audience: true,
  jwks: true,
  expression: true,
};
const USER_MEMBERS: Readonly<Record<keyof EntraUser, true>> = {
  tenantId: true,
  username: true,
  agentId: true,
  password: true,
  requiresMfa: true,
};

const TWO_HOURS_IN_S = 7_200;
/** The tenant of personal Microsoft accounts. */
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad";

function originOf(text: string): string {
  if (URL.canParse(text) && new URL(text).origin !== "null") return new URL(text).origin;
  throw new TypeError('Option "origin" must be a URL, such as "http://127.0.0.1:8080"');
}

/**
 * Creates the state for the options.
 *
 * @throws {TypeError} An app, a federated credential or a user lacks a required member, a member is unknown, or the
 * origin is not a URL.
 */
export function createDirectory(options: EntraOptions): Directory {
  checkMembers(options, "option of createEntra", OPTIONS);
  const { apps = [], users = [], resources, hosts = [], now = Date.now, tokenLifetimeInMs = 3_600_000 } = options;
  for (const app of apps) {
    checkMembers(app, "member of an app", APP_MEMBERS);
    for (const secret of app.secrets ?? []) checkSecret(secret);
    for (const credential of app.federatedCredentials ?? []) {
      if (credential === undefined) {
        throw new TypeError(
          "A federated credential is undefined: Await createGitLab and createVercel, which return a promise",
        );
      }
      checkMembers(credential, "member of a federated credential", FEDERATED_CREDENTIAL_MEMBERS);
    }
    if (!app.tenantId || !app.clientId) throw new TypeError('An app must have a "tenantId" and a "clientId"');
    app.federatedCredentials?.forEach(checkFederatedCredential);
  }
  for (const user of users) {
    checkMembers(user, "member of a user", USER_MEMBERS);
    if (!user.tenantId || !user.username) throw new TypeError('A user must have a "tenantId" and a "username"');
  }
  const lifetimeInS = Math.floor(tokenLifetimeInMs / 1000);
  const refreshInS = options.refreshInMs !== undefined
    ? Math.floor(options.refreshInMs / 1000)
    : lifetimeInS >= TWO_HOURS_IN_S
    ? Math.floor(lifetimeInS / 2)
    : undefined;
  return {
    apps,
    users,
    resources,
    hosts,
    origin: options.origin === undefined ? undefined : originOf(options.origin),
    fetch: options.fetch,
    lifetimeInS,
    refreshInS,
    numbersAsStrings: options.numbersAsStrings ?? false,
    allowReplay: options.allowReplay ?? false,
    usedAssertions: new Set(),
    refreshTokens: new Map(),
    codes: new Map(),
    deviceCodes: new Map(),
    signedInUser: undefined,
    now,
  };
}

function checkSecret(secret: unknown): void {
  if (typeof secret !== "string") checkMembers(secret, "member of a secret", SECRET_MEMBERS);
  const { value, expiresOnTimestamp } = typeof secret === "string"
    ? { value: secret, expiresOnTimestamp: 0 }
    : secret as EntraSecret;
  if (typeof value !== "string" || value === "" || typeof expiresOnTimestamp !== "number") {
    throw new TypeError('A secret must be a non-empty string, or have a "value" and an "expiresOnTimestamp"');
  }
}

/** Returns the user with this name, in this tenant unless it is an alias for several tenants. */
export function findUser({ users }: Directory, username: string, tenant: string): EntraUser | undefined {
  return users.find((user) => same(user.username, username) && isUserOf(user, tenant));
}

/** Whether the user may sign in at this tenant: personal accounts at `consumers`, all others at `organizations`. */
export function isUserOf({ tenantId }: EntraUser, tenant: string): boolean {
  if (!isTenantAlias(tenant)) return same(tenantId, tenant);
  return same(tenant, "common") || same(tenant, "consumers") === same(tenantId, CONSUMERS);
}

/**
 * Returns the app with this id, in this tenant unless it is an alias for several tenants.
 *
 * @throws {ServiceError} The tenant or the app is unknown.
 */
export function findApp({ apps, users }: Directory, clientId: string, tenant: string): EntraApp {
  const isKnown = [...apps, ...users].some(({ tenantId }) => same(tenantId, tenant));
  if (!isKnown && !isTenantAlias(tenant)) throw new ServiceError(90002, { tenant });
  const app = apps.find((app) => same(app.clientId, clientId) && (isTenantAlias(tenant) || same(app.tenantId, tenant)));
  if (!app) throw new ServiceError(700016, { app: clientId, tenant });
  return app;
}

/** Whether an app has no credentials, or may sign users in without them. */
export function isPublicClient(
  { allowPublicClient, blueprintId, secrets, certificates, federatedCredentials }: EntraApp,
): boolean {
  return allowPublicClient ?? !(blueprintId || secrets?.length || certificates?.length || federatedCredentials?.length);
}

/** Whether the name is an alias for several tenants. */
export function isTenantAlias(tenant: string): boolean {
  return ["common", "organizations", "consumers"].includes(tenant.toLowerCase());
}

/** Returns a required parameter. */
export function required(form: Readonly<Record<string, string>>, parameter: string): string {
  const value = form[parameter];
  if (!value) throw new ServiceError(900144, { parameter });
  return value;
}

/** Whether two identifiers are equal. Entra ignores case. */
export function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
