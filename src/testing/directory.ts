import type { EntraApp, EntraOptions, EntraUser } from "./entra_options.ts";

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
  now(): number;
}

/** Whom a refresh token speaks for. */
export interface RefreshGrant {
  readonly clientId: string;
  readonly user: EntraUser;
}

const TWO_HOURS_IN_S = 7_200;

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
    now,
  };
}

/** Whether two identifiers are the same to Entra, which does not look at case. */
export function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
