import type { EntraApp, EntraOptions, EntraUser } from "./entra_options.ts";
import { Refusal } from "./refusal.ts";

/** What Entra knows and remembers: its options with every default filled in, and what was presented to it. */
export interface Directory {
  readonly apps: readonly EntraApp[];
  readonly users: readonly EntraUser[];
  readonly resources: readonly string[] | undefined;
  readonly hosts: readonly string[];
  readonly lifetimeInS: number;
  readonly refreshInS: number | undefined;
  readonly numbersAsStrings: boolean;
  readonly allowReplay: boolean;
  /** The assertions that were accepted, by application and `jti`. */
  readonly usedAssertions: Set<string>;
  /** Who each refresh token was given to. */
  readonly refreshTokens: Map<string, RefreshGrant>;
  /** What each authorization code stands for. */
  readonly codes: Map<string, CodeGrant>;
  /** What each device code stands for. */
  readonly deviceCodes: Map<string, DeviceGrant>;
  /** Who sits before the browser: a user's name, `null` for somebody who declines, `undefined` for whom the app expects. */
  visitor: string | null | undefined;
  now(): number;
}

/** Who has signed in to an app, and how. */
export interface Session {
  readonly clientId: string;
  readonly user: EntraUser;
  /** Whether more than a password was asked for. */
  readonly isStrong: boolean;
}

/** Whom a refresh token speaks for. */
export interface RefreshGrant extends Session {
  /** Why it is good no more: it was replaced, or revoked. */
  end?: "replaced" | "revoked";
}

/** What an authorization code was given for. */
export interface CodeGrant extends Session {
  readonly redirectUri: string;
  readonly scope: string;
  readonly nonce: string | undefined;
  /** The PKCE challenge (RFC 7636), if there was one. */
  readonly challenge: string | undefined;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  isRedeemed: boolean;
}

/** A sign-in on another device. */
export interface DeviceGrant {
  readonly clientId: string;
  readonly tenant: string;
  readonly userCode: string;
  readonly scope: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresOnTimestamp: number;
  /** How long the client has to wait between two requests, in milliseconds. */
  intervalInMs: number;
  /** When it was asked about last. */
  askedOnTimestamp: number | undefined;
  /** Who has entered the code; `null` for somebody who declined. */
  user: EntraUser | null | undefined;
}

const TWO_HOURS_IN_S = 7_200;
/** The tenant of personal Microsoft accounts. */
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad";

/** Fills in the defaults. Throws a `TypeError` for a registration that cannot be. */
export function createDirectory(options: EntraOptions): Directory {
  const { apps = [], users = [], resources, hosts = [], now = Date.now, tokenLifetimeInMs = 3_600_000 } = options;
  for (const app of apps) {
    if (!app.tenantId || !app.clientId) throw new TypeError('An app needs a "tenantId" and a "clientId"');
  }
  for (const user of users) {
    if (!user.tenantId || !user.username) throw new TypeError('A user needs a "tenantId" and a "username"');
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
    lifetimeInS,
    refreshInS,
    numbersAsStrings: options.numbersAsStrings ?? false,
    allowReplay: options.allowReplay ?? false,
    usedAssertions: new Set(),
    refreshTokens: new Map(),
    codes: new Map(),
    deviceCodes: new Map(),
    visitor: undefined,
    now,
  };
}

/** Returns the user of this name, in this tenant unless it stands for many. */
export function findUser({ users }: Directory, username: string, tenant: string): EntraUser | undefined {
  return users.find((user) => same(user.username, username) && isUserOf(user, tenant));
}

/** Whether the user may sign in at this tenant: personal accounts at `consumers`, all others at `organizations`. */
export function isUserOf({ tenantId }: EntraUser, tenant: string): boolean {
  if (!isShared(tenant)) return same(tenantId, tenant);
  return same(tenant, "common") || same(tenant, "consumers") === same(tenantId, CONSUMERS);
}

/** Returns the app, in this tenant unless it stands for many. Throws a `Refusal` where there is none. */
export function findApp({ apps, users }: Directory, clientId: string, tenant: string): EntraApp {
  const known = [...apps, ...users].some(({ tenantId }) => same(tenantId, tenant));
  if (!known && !isShared(tenant)) throw new Refusal(90002, { tenant });
  const app = apps.find((app) => same(app.clientId, clientId) && (isShared(tenant) || same(app.tenantId, tenant)));
  if (!app) throw new Refusal(700016, { app: clientId, tenant });
  return app;
}

/** Whether an app has nothing to prove itself with, or may do without. */
export function isPublic({ allowPublicClient, secrets, certificates, federatedCredentials }: EntraApp): boolean {
  return allowPublicClient ?? !(secrets?.length || certificates?.length || federatedCredentials?.length);
}

/** Whether the name stands for many tenants. */
export function isShared(tenant: string): boolean {
  return ["common", "organizations", "consumers"].includes(tenant.toLowerCase());
}

/** Returns a parameter that must be there. */
export function required(form: Readonly<Record<string, string>>, parameter: string): string {
  const value = form[parameter];
  if (!value) throw new Refusal(900144, { parameter });
  return value;
}

/** Whether two identifiers are the same to Entra, which does not look at case. */
export function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
