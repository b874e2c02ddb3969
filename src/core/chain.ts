import { AggregateAuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import { isBackground, markBackground } from "../runtime/background.ts";
import { bound } from "./bound.ts";
import { type Attempt, chainReport, inWords } from "./chain_report.ts";
import type { GetToken } from "./get_token.ts";
import { abortable, withinCall } from "./timeout.ts";
import { chainOf, type Link, withChain } from "./in_chain.ts";
import { type Call, callOf, type Interim, judgeInterim, nextInterim, renewalOf } from "./interim.ts";
import { keepAlive } from "./keep_alive.ts";
import type { Settings } from "./settings.ts";
import { isUnavailable, mergeUnavailable, unavailableOf } from "./unavailable.ts";
import { messageOf } from "./unknown_errors.ts";

/** How long a credential may probe before the token of a later one is requested in advance, in milliseconds. */
const PREFETCH_DELAY_IN_MS = 150;
/** Delay before the next background search after one that has settled, in milliseconds. */
const NEXT_SEARCH_IN_MS = 10_000;
/** Delay before the next background search after one that has not settled, in milliseconds. */
const LOST_SEARCH_IN_MS = 180_000;

/** Settings of a chain. */
export interface ChainSettings extends Pick<Settings, "now" | "sleep" | "waitUntil">, Partial<Pick<Settings, "log">> {
  /** Whether it is unknown which credentials are available: then each probes before it commits to a request. */
  readonly isDiscovery: boolean;
  /** Returns a line for the error of a search without a token, if the environment suggests one. */
  readonly hint?: () => Promise<string | undefined>;
}

/** A failed attempt of a search, with its error. */
interface Skipped extends Attempt {
  readonly error: unknown;
  /** When the credential has to be tried again. */
  readonly recheckOn: number;
}

/**
 * Returns the `getToken` of a chain, which tries the links in order and skips those that are unavailable.
 *
 * The outcomes of the links before the first one that returns a token determine how long the chain uses that link. If
 * all of them are absent, the link is elected for the life of the chain, so that the identity of the program does not
 * change while it runs. If one of them is inconclusive, the link is used for an interim, after which the earlier links
 * are tried again. If one of them is not for this call, the link is used for this call only.
 */
export function createChain(name: string, links: readonly Link[], settings: ChainSettings): GetToken {
  const { isDiscovery, log, now, sleep } = settings;
  const logsAbsent = log !== undefined;
  let elected: Link | undefined;
  let interim: Interim | undefined;
  let searches = 0;
  /** Number of the last search that ended at a credential that is configured and fails. */
  let failedSearch = 0;

  function getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    return withinCall(options, sleep, (bounded) => getInterimOrSearch(scopes, bounded));
  }

  async function getInterimOrSearch(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    return interim && await getInterimToken(interim, scopes, options) || await search(scopes, options);
  }

  /**
   * Returns a token of the interim; `undefined` if the interim is over for this call, or its credential is unavailable.
   */
  async function getInterimToken(
    current: Interim,
    scopes: string | string[],
    options: GetTokenOptions,
  ): Promise<AccessToken | undefined> {
    const call = callOf(scopes, options);
    const { serves, needsSearch } = judgeInterim(current, call, now());
    if (needsSearch) searchInBackground(current, scopes, options);
    if (!serves) return undefined;
    try {
      const token = await getTokenFrom(current.link, scopes, options);
      if (!call.hasClaims) current.renewals.set(call.key, renewalOf(token, now()));
      return token;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return undefined;
    }
  }

  function searchInBackground(current: Interim, scopes: string | string[], options: GetTokenOptions): void {
    // The next search starts some time after this one, even if this one never settles because its runtime ended it.
    current.nextSearchOn = now() + LOST_SEARCH_IN_MS;
    // Without the claims and the time limit of the call, because the call does not wait for the search.
    const { tenantId, enableCae } = options;
    const { signal: abortSignal } = new AbortController();
    markBackground(abortSignal);
    const work = search(scopes, { tenantId, enableCae, abortSignal })
      .catch(() => {})
      .finally(() => current.nextSearchOn = now() + NEXT_SEARCH_IN_MS);
    keepAlive(work, settings);
  }

  async function search(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const prefetched = new Map<Link, Promise<AccessToken | null>>();
    const skipped: Skipped[] = [];
    const number = ++searches;
    for (const link of links) {
      // Another call may have elected a link meanwhile, and the identity of a program must not change.
      if (elected) return await getTokenFrom(elected, scopes, options);
      const started = now();
      const result = await tryLink(link, prefetched, scopes, options).then(
        (token) => ({ token }),
        (error) => ({ attempt: skip(link, error, { isAborted: options.abortSignal?.aborted, number, started }) }),
      );
      if ("attempt" in result) {
        skipped.push(result.attempt);
        continue;
      }
      const { token } = result;
      if (elected) return elected === link ? token : await getTokenFrom(elected, scopes, options);
      choose(link, token, { call: callOf(scopes, options), skipped, number, started });
      return token;
    }
    if (elected) return await getTokenFrom(elected, scopes, options);
    throw new AggregateAuthenticationError(
      skipped.map(({ error }) => error),
      [
        `${name}: Cannot get a token: No credential is available`,
        ...chainReport(skipped),
        await settings.hint?.(),
      ].filter((line) => line !== undefined).join("\n  "),
    );
  }

  /**
   * Returns the attempt of a link that is unavailable. Throws the error of one that is configured and fails, at which
   * the search ends.
   */
  function skip(link: Link, error: unknown, { isAborted, number, started }: {
    readonly isAborted: boolean | undefined;
    /** Number of the search. */
    readonly number: number;
    readonly started: number;
  }): Skipped {
    const unavailable = unavailableOf(error);
    const elapsedInMs = now() - started;
    const reason = bound(messageOf(error)) || "The error has no message";
    if (unavailable) {
      log?.({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} skips ${link.name}, which is ${inWords(unavailable.outcome)}: ${reason}`,
        elapsedInMs,
      });
      const recheckOn = now() + unavailable.recheckAfterInMs;
      return { ...unavailable, error, name: link.name, elapsedInMs, reason, nextStep: nextStepOf(error), recheckOn };
    }
    if (!isAborted) {
      // The program's own identity is configured, so that no later credential may be used.
      failedSearch = Math.max(failedSearch, number);
      if (interim && interim.search <= number) interim = undefined;
      log?.({
        event: "credential-failed",
        credential: link.name,
        message: `${name} ends at ${link.name}, which is configured and fails: ${reason}`,
        elapsedInMs,
      });
    }
    throw error;
  }

  /** Determines how long the chain uses the link that returned a token. */
  function choose(link: Link, token: AccessToken, { call, skipped, number, started }: {
    readonly call: Call;
    readonly skipped: readonly Skipped[];
    /** Number of the search. */
    readonly number: number;
    readonly started: number;
  }): void {
    const { outcome } = mergeUnavailable(skipped);
    // The result of a search that began later takes precedence.
    if (outcome === "not-for-this-call" || number < Math.max(failedSearch, interim?.search ?? 0)) return;
    const previous = interim;
    if (outcome === "absent") {
      elected = link;
      interim = undefined;
    } else {
      const recheckOn = Math.min(...skipped.filter((one) => one.outcome !== "absent").map((one) => one.recheckOn));
      interim = nextInterim(previous, { link, search: number, token, call, recheckOn, now: now() });
      if (interim.renewals === previous?.renewals) return;
    }
    const seconds = interim && Math.ceil((interim.until - now()) / 1000);
    const how = interim ? ` for ${seconds} s, until an inconclusive one before it is tried again` : "";
    log?.({
      event: "credential-selected",
      credential: link.name,
      message: `${name} uses ${link.name}${how}`,
      elapsedInMs: now() - started,
    });
  }

  /** Requests a token from a link that may be unavailable, or waits for its request that was started in advance. */
  async function tryLink(
    link: Link,
    prefetched: Map<Link, Promise<AccessToken | null>>,
    scopes: string | string[],
    options: GetTokenOptions,
  ): Promise<AccessToken> {
    const started = prefetched.get(link);
    const token =
      await (started ? abortable(() => started, options.abortSignal) : probe(link, prefetched, scopes, options));
    if (token) return token;
    throw new CredentialUnavailableError(`${link.name} returned no token`, { outcome: "inconclusive" });
  }

  /** Requests a token from a link. While it probes, requests the token of a later link in advance. */
  async function probe(
    link: Link,
    prefetched: Map<Link, Promise<AccessToken | null>>,
    scopes: string | string[],
    options: GetTokenOptions,
  ): Promise<AccessToken | null> {
    const done = new AbortController();
    // A search in the background does not prefetch, because the current credential has a token.
    const isForeground = !isBackground(options.abortSignal);
    const onProbeStarted = () => isForeground ? void prefetch().catch(() => {}) : undefined;
    try {
      const chain = { ...isDiscovery ? { onProbeStarted } : chainOf(options), logsAbsent };
      return await link.credential.getToken(scopes, withChain(options, chain));
    } finally {
      done.abort();
    }

    async function prefetch(): Promise<void> {
      for (const other of links) {
        if (!await other.canPrefetch?.()) continue;
        await sleep(PREFETCH_DELAY_IN_MS, done.signal);
        // Not aborted with the call, because the tool may be writing to its token cache.
        const alone = { ...options, abortSignal: undefined };
        const request = other.credential.getToken(scopes, withChain(alone, { onProbeStarted() {}, logsAbsent }));
        request.catch(() => {});
        prefetched.set(other, request);
        return;
      }
    }
  }

  async function getTokenFrom(link: Link, scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const token = await link.credential.getToken(scopes, options);
    if (token) return token;
    throw new AggregateAuthenticationError([], `${name}: Cannot get a token: ${link.name} returned no token`);
  }

  return (scopes, options) => elected ? getTokenFrom(elected, scopes, options!) : getToken(scopes, options);
}

function nextStepOf(error: unknown): string {
  const { nextStep } = Object(error) as { nextStep?: unknown };
  return typeof nextStep === "string" ? bound(nextStep) : "";
}
