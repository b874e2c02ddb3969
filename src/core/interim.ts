import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import { claimsIn } from "./claims.ts";
import { expiresEarlyOn } from "./freshness.ts";
import type { Link } from "./in_chain.ts";
import { createLruCache, type LruCache } from "./lru_cache.ts";

/** Minimum duration of an interim whose token has to be renewed at once. */
const MIN_INTERIM_IN_MS = 5_000;

/** A credential that serves the chain while an earlier one is inconclusive. */
export interface Interim {
  readonly link: Link;
  /** Number of the search that chose the credential. */
  readonly search: number;
  readonly since: number;
  /** When the earlier credentials have to be tried again. */
  readonly until: number;
  /** When the next search in the background may start. */
  nextSearchOn: number;
  /** When the token of each call has to be renewed, by call. */
  readonly renewals: LruCache<number>;
}

/** The properties of a `getToken` call that an interim needs. */
export interface Call {
  /** Equal for calls that get the same token. */
  readonly key: string;
  /** Whether the call has claims, for which no cached token is returned. */
  readonly hasClaims: boolean;
}

/** Returns whether the interim still serves a call, and whether a search has to run in the background meanwhile. */
export function judgeInterim(
  { since, until, nextSearchOn, renewals }: Interim,
  call: Call,
  now: number,
): { readonly serves: boolean; readonly needsSearch: boolean } {
  const renewal = renewals.get(call.key);
  // After the clock was set back, its time cannot be compared with the stored times.
  const wentBack = now < since;
  const isOver = wentBack || now >= Math.min(until, renewal ?? Infinity);
  // A call that has a cached token does not wait for a probe.
  const hasToken = !wentBack && !call.hasClaims && renewal !== undefined && now < renewal;
  return { serves: !isOver || hasToken, needsSearch: isOver && hasToken && now >= nextSearchOn };
}

/** Returns the interim that follows from a search: the previous one continues if it has the same link. */
export function nextInterim(
  previous: Interim | undefined,
  { link, search, token, call, recheckOn, now }: {
    readonly link: Link;
    readonly search: number;
    readonly token: AccessToken;
    readonly call: Call;
    /** When the first inconclusive credential has to be tried again. */
    readonly recheckOn: number;
    readonly now: number;
  },
): Interim {
  const continues = previous?.link === link && now >= previous.since;
  const renewals = continues ? previous.renewals : createLruCache<number>();
  const renewal = renewalOf(token, now);
  if (!call.hasClaims) renewals.set(call.key, renewal);
  const until = Math.min(recheckOn, Math.max(renewal, now + MIN_INTERIM_IN_MS));
  return { link, search, since: now, until, nextSearchOn: until, renewals };
}

/** Returns the properties of a call with these scopes and options. */
export function callOf(scopes: string | string[], options: GetTokenOptions): Call {
  const { tenantId, enableCae = false } = options;
  return {
    key: JSON.stringify([[scopes].flat().sort(), tenantId?.toLowerCase(), enableCae]),
    hasClaims: claimsIn(options) !== undefined,
  };
}

/** Returns when a token that was just returned has to be renewed, in ms since the epoch. */
export function renewalOf({ refreshAfterTimestamp = Infinity, expiresOnTimestamp }: AccessToken, now: number): number {
  const renewal = Math.min(refreshAfterTimestamp, expiresEarlyOn(now, expiresOnTimestamp));
  // The expiry of a token of another package may not be a number.
  return Number.isFinite(renewal) ? renewal : now;
}
