import { AggregateAuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { isBackground, markBackground } from "../runtime/background.ts";
import { bound } from "./bound.ts";
import { type Attempt, chainReport } from "./chain_report.ts";
import type { GetToken } from "./create_get_token.ts";
import { abortable, withinCall } from "./timeout.ts";
import { expiresEarlyOn } from "./freshness.ts";
import { withChain } from "./in_chain.ts";
import { keepAlive } from "./keep_alive.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Settings } from "./settings.ts";
import { INCONCLUSIVE, mergeUnavailable, type Unavailable, unavailableOf } from "./unavailable.ts";

/** How long a credential may probe before a later one is started as well. */
const PREFETCH_DELAY_IN_MS = 150;
/** When the next search in the background may start: after one that found nothing new, and after one that was never settled. */
const NEXT_SEARCH_IN_MS = 10_000;
const LOST_SEARCH_IN_MS = 180_000;
/** Minimum time that a credential serves whose token has to be renewed at once. */
const MIN_INTERIM_IN_MS = 5_000;

/** A credential in a chain, and its name in messages. */
export interface Link {
  readonly name: string;
  readonly credential: TokenCredential;
  /** Whether to start this credential while an earlier one is still probing. Default: no. */
  readonly canPrefetch?: () => Promise<boolean>;
}

/** What a chain needs to know. */
export interface ChainSettings extends Pick<Settings, "log" | "now" | "sleep" | "waitUntil"> {
  /** Whether it is unknown which credentials are available: then each probes before it commits to a request. */
  readonly isDiscovery: boolean;
}

/** A credential that serves the chain while an earlier one is inconclusive. */
interface Interim {
  readonly link: Link;
  /** The number of the search that chose it. */
  readonly search: number;
  readonly since: number;
  /** When the earlier credentials have to be tried again. */
  readonly until: number;
  nextSearchOn: number;
  /** When each of its tokens has to be renewed, by call. */
  readonly renewals: Memory<number>;
}

/** What follows from a credential that was skipped. */
interface Skipped extends Unavailable {
  /** When it has to be tried again. */
  readonly recheckOn: number;
}

/**
 * Returns the `getToken` of a chain: tries the links in order, and continues where one is unavailable.
 *
 * What follows from the links before the first one that returns a token:
 * all absent, and it is elected for the life of the chain, so that a program never changes its identity while it runs; one inconclusive, and it
 * serves for an interim, after which the earlier ones are tried again; one not for this call, and it serves this call only.
 */
export function createChain(name: string, links: readonly Link[], settings: ChainSettings): GetToken {
  const { isDiscovery, log, now, sleep } = settings;
  let elected: Link | undefined;
  let interim: Interim | undefined;
  let searches = 0;
  /** The last search that ended at a credential that is configured and fails. */
  let failedSearch = 0;

  function getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    return withinCall(options, sleep, (bounded) => find(scopes, bounded));
  }

  async function find(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const current = interim;
    if (current) {
      const key = callKey(scopes, options);
      // A clock that went back shows no time that could be compared.
      const wentBack = now() < current.since;
      const renewal = current.renewals.get(key);
      const isOver = wentBack || now() >= Math.min(current.until, renewal ?? Infinity);
      const hasToken = !wentBack && !options.claims && renewal !== undefined && now() < renewal;
      // A call that has a cached token does not wait for a probe.
      if (isOver && hasToken && now() >= current.nextSearchOn) searchInBackground(current, scopes, options);
      if (!isOver || hasToken) {
        try {
          const token = await ask(current.link, scopes, options);
          if (!options.claims) current.renewals.set(key, renewalOf(token, now()));
          return token;
        } catch (error) {
          if (!unavailableOf(error)) throw error;
        }
      }
    }
    return await search(scopes, options);
  }

  function searchInBackground(current: Interim, scopes: string | string[], options: GetTokenOptions): void {
    // The next one starts some time after this one, even if this one is never settled because its runtime ended it.
    current.nextSearchOn = now() + LOST_SEARCH_IN_MS;
    // Without the claims and the time limit of the call, which does not wait for it.
    const { tenantId, enableCae } = options;
    const { signal: abortSignal } = new AbortController();
    markBackground(abortSignal);
    const work = search(scopes, { tenantId, enableCae, abortSignal }).catch(() => {}).finally(() =>
      current.nextSearchOn = now() + NEXT_SEARCH_IN_MS
    );
    keepAlive(work, settings);
  }

  async function search(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const prefetched = new Map<Link, Promise<AccessToken | null>>();
    const attempts: Attempt[] = [];
    const errors: unknown[] = [];
    const skipped: Skipped[] = [];
    const number = ++searches;
    for (const link of links) {
      // Another call may have elected a link meanwhile: one program, one identity.
      if (elected) return await ask(elected, scopes, options);
      const started = now();
      let token: AccessToken | null = null;
      let unavailable = INCONCLUSIVE;
      let reason = "";
      let nextStep = "";
      try {
        token = await tryLink(link, prefetched, scopes, options);
        if (!token) throw new CredentialUnavailableError(`${link.name} returned no token`, { outcome: "inconclusive" });
      } catch (error) {
        reason = reasonOf(error);
        const found = unavailableOf(error);
        if (!found) {
          if (!options.abortSignal?.aborted) {
            // The program's own identity is configured: no later one serves any more.
            failedSearch = Math.max(failedSearch, number);
            if (interim && interim.search <= number) interim = undefined;
            log({
              event: "credential-failed",
              credential: link.name,
              message: `${name} ends at ${link.name}, which is configured and fails: ${reason}`,
              elapsedInMs: now() - started,
            });
          }
          throw error;
        }
        unavailable = found;
        errors.push(error);
        nextStep = nextStepOf(error);
      }
      const elapsedInMs = now() - started;
      if (token) {
        if (elected) return elected === link ? token : await ask(elected, scopes, options);
        choose(link, token, { scopes, options, skipped, number, elapsedInMs });
        return token;
      }
      const outcome = unavailable.outcome.replaceAll("-", " ");
      skipped.push({ ...unavailable, recheckOn: now() + unavailable.recheckAfterInMs });
      attempts.push({ name: link.name, outcome, elapsedInMs, reason, nextStep });
      log({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} skips ${link.name}, which is ${outcome}: ${reason}`,
        elapsedInMs,
      });
    }
    if (elected) return await ask(elected, scopes, options);
    throw new AggregateAuthenticationError(
      errors,
      [`${name}: Cannot get a token: No credential is available`, ...chainReport(attempts)].join("\n  "),
    );
  }

  /** Decides for how long the link that returned a token serves the chain. */
  function choose(link: Link, token: AccessToken, { scopes, options, skipped, number, elapsedInMs }: {
    readonly scopes: string | string[];
    readonly options: GetTokenOptions;
    readonly skipped: readonly Skipped[];
    /** Of the search. */
    readonly number: number;
    readonly elapsedInMs: number;
  }): void {
    const { outcome } = mergeUnavailable(skipped);
    // A search that began later knows more.
    if (outcome === "not-for-this-call" || number < Math.max(failedSearch, interim?.search ?? 0)) return;
    const since = now();
    const isNew = interim?.link !== link || since < interim.since;
    if (outcome === "absent") {
      elected = link;
      interim = undefined;
    } else {
      const renewal = renewalOf(token, since);
      const recheckOn = Math.min(...skipped.filter((one) => one.outcome !== "absent").map((one) => one.recheckOn));
      const until = Math.min(recheckOn, Math.max(renewal, since + MIN_INTERIM_IN_MS));
      const renewals = isNew ? createMemory<number>() : interim!.renewals;
      if (!options.claims) renewals.set(callKey(scopes, options), renewal);
      interim = { link, search: number, since, until, nextSearchOn: until, renewals };
      if (!isNew) return;
    }
    const seconds = interim && Math.ceil((interim.until - now()) / 1000);
    const how = interim ? ` for ${seconds} s, until an inconclusive one before it is tried again` : "";
    log({
      event: "credential-selected",
      credential: link.name,
      message: `${name} uses ${link.name}${how}`,
      elapsedInMs,
    });
  }

  /** Asks a link that may be unavailable, or waits for its request that was started ahead. */
  async function tryLink(
    link: Link,
    prefetched: Map<Link, Promise<AccessToken | null>>,
    scopes: string | string[],
    options: GetTokenOptions,
  ): Promise<AccessToken | null> {
    const started = prefetched.get(link);
    if (started) return await abortable(() => started, options.abortSignal);
    const done = new AbortController();
    // Not in the background: the credential that serves has its token.
    const isForeground = !isBackground(options.abortSignal);
    const onProbeStarted = () => isForeground ? void prefetch().catch(() => {}) : undefined;
    try {
      return await link.credential.getToken(scopes, isDiscovery ? withChain(options, { onProbeStarted }) : options);
    } finally {
      done.abort();
    }

    async function prefetch(): Promise<void> {
      for (const other of links) {
        if (!await other.canPrefetch?.()) continue;
        await sleep(PREFETCH_DELAY_IN_MS, done.signal);
        // An abort does not reach it: the tool may be writing to its token cache.
        const alone = { ...options, abortSignal: undefined };
        const answer = other.credential.getToken(scopes, withChain(alone, { onProbeStarted() {} }));
        answer.catch(() => {});
        prefetched.set(other, answer);
        return;
      }
    }
  }

  async function ask(link: Link, scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const token = await link.credential.getToken(scopes, options);
    if (token) return token;
    throw new AggregateAuthenticationError([], `${name}: Cannot get a token: ${link.name} returned none`);
  }

  return (scopes, options) => elected ? ask(elected, scopes, options!) : getToken(scopes, options);
}

function callKey(scopes: string | string[], { tenantId, enableCae = false }: GetTokenOptions): string {
  return JSON.stringify([[scopes].flat().sort(), tenantId?.toLowerCase(), enableCae]);
}

/** Returns when a token that was just returned has to be renewed, in ms since the epoch. */
function renewalOf({ refreshAfterTimestamp = Infinity, expiresOnTimestamp }: AccessToken, now: number): number {
  const renewal = Math.min(refreshAfterTimestamp, expiresEarlyOn(now, expiresOnTimestamp));
  // A token of another package may have a time that is no number.
  return Number.isFinite(renewal) ? renewal : now;
}

function nextStepOf(error: unknown): string {
  const { nextStep } = Object(error) as { nextStep?: unknown };
  return typeof nextStep === "string" ? bound(nextStep) : "";
}

/** Returns the message of whatever was thrown: it may be of another package, or no error at all. */
function reasonOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? bound(message) : "It gave no reason";
}
