import { AggregateAuthenticationError, type CredentialUnavailableError } from "../errors.ts";
import type { AccessToken, GetTokenOptions, TokenCredential } from "../token_credential.ts";
import { type Attempt, chainReport } from "./chain_report.ts";
import type { GetToken } from "./create_get_token.ts";
import { withDeadline, withinCall } from "./deadline.ts";
import { withChain } from "./in_chain.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Settings } from "./settings.ts";
import { keepAlive } from "./share.ts";
import { INCONCLUSIVE, mergeUnavailable, type Unavailable, unavailableOf } from "./unavailable.ts";

/** How long a credential may probe before a later one is started as well. */
const PREFETCH_DELAY_IN_MS = 150;
/** How long a search in the background may take, and when the next one may start. */
const BACKGROUND_SEARCH_IN_MS = 10_000;
/** A token is not used in its last minutes. */
const EXPIRES_EARLY_IN_MS = 300_000;

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
  readonly since: number;
  until: number;
  /** When each of its tokens has to be renewed, by call. */
  readonly renewals: Memory<number>;
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

  function getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    return withinCall(options, sleep, (bounded) => find(scopes, bounded));
  }

  async function find(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const current = interim;
    if (current) {
      const key = callKey(scopes, options);
      const isOver = now() < current.since || now() >= current.until;
      const hasToken = !options.claims && now() < (current.renewals.get(key) ?? -Infinity);
      // A call that has a cached token does not wait for a probe.
      if (isOver && hasToken) searchInBackground(current, scopes, options);
      if (!isOver || hasToken) {
        try {
          const token = await ask(current.link, scopes, options);
          if (!options.claims) current.renewals.set(key, renewalOf(token));
          return token;
        } catch (error) {
          if (!unavailableOf(error)) throw error;
        }
      }
    }
    return await search(scopes, options);
  }

  function searchInBackground(current: Interim, scopes: string | string[], options: GetTokenOptions): void {
    // The next one starts after a while even if this one is never settled, because its runtime ended it.
    current.until = now() + BACKGROUND_SEARCH_IN_MS;
    const { tenantId, enableCae } = options;
    const late = () => new DOMException("The search in the background took too long", "TimeoutError");
    const work = withDeadline(
      (abortSignal) => search(scopes, { tenantId, enableCae, abortSignal }),
      { sleep, ms: BACKGROUND_SEARCH_IN_MS, late },
    ).catch((error) => {
      const isLate = (error as { name?: unknown } | null)?.name === "TimeoutError";
      // An earlier credential is configured, and fails: the next call has to report that.
      if (interim === current && !isLate && !unavailableOf(error)) interim = undefined;
    });
    keepAlive(work, settings);
  }

  async function search(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const prefetched = new Map<Link, Promise<AccessToken | null>>();
    const attempts: Attempt[] = [];
    const errors: unknown[] = [];
    const outcomes: Unavailable[] = [];
    for (const link of links) {
      const started = now();
      let token: AccessToken | null = null;
      let unavailable = INCONCLUSIVE;
      let reason = `${link.name} returned no token`;
      let nextStep = "";
      try {
        token = await tryLink(link, prefetched, scopes, options);
      } catch (error) {
        reason = reasonOf(error);
        const found = unavailableOf(error);
        if (!found) {
          if (!options.abortSignal?.aborted) {
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
        ({ nextStep = "" } = error as CredentialUnavailableError);
      }
      const elapsedInMs = now() - started;
      if (token) {
        // Another call may have elected a link meanwhile: one program, one identity.
        if (elected) return elected === link ? token : await ask(elected, scopes, options);
        choose(link, token, { scopes, options, outcomes, elapsedInMs });
        return token;
      }
      const outcome = unavailable.outcome.replaceAll("-", " ");
      outcomes.push(unavailable);
      attempts.push({ name: link.name, outcome, elapsedInMs, reason, nextStep });
      log({
        event: "credential-skipped",
        credential: link.name,
        message: `${name} skips ${link.name}, which is ${outcome}: ${reason}`,
        elapsedInMs,
      });
    }
    throw new AggregateAuthenticationError(
      errors,
      [`${name}: Cannot get a token: No credential is available`, ...chainReport(attempts)].join("\n  "),
    );
  }

  /** Decides for how long the link that returned a token serves the chain. */
  function choose(link: Link, token: AccessToken, { scopes, options, outcomes, elapsedInMs }: {
    readonly scopes: string | string[];
    readonly options: GetTokenOptions;
    readonly outcomes: readonly Unavailable[];
    readonly elapsedInMs: number;
  }): void {
    const { outcome, recheckAfterInMs } = mergeUnavailable(outcomes);
    if (outcome === "not-for-this-call") return;
    const isNew = interim?.link !== link;
    if (outcome === "absent") {
      elected = link;
      interim = undefined;
    } else {
      const since = now();
      const until = Math.min(since + recheckAfterInMs, renewalOf(token));
      const renewals = isNew ? createMemory<number>() : interim!.renewals;
      if (!options.claims) renewals.set(callKey(scopes, options), renewalOf(token));
      interim = { link, since, until, renewals };
      if (!isNew) return;
    }
    const how = elected ? "" : " until the inconclusive ones are tried again";
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
    if (started) {
      const outer = options.abortSignal;
      return await withDeadline(() => started, { sleep, ms: undefined, late: Error, outer });
    }
    const done = new AbortController();
    const onProbeStarted = () => void prefetch().catch(() => {});
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

function callKey(scopes: string | string[], { tenantId, enableCae }: GetTokenOptions): string {
  return JSON.stringify([scopes, tenantId, enableCae]);
}

/** Returns when a token has to be renewed, in ms since the epoch. */
function renewalOf({ refreshAfterTimestamp = Infinity, expiresOnTimestamp }: AccessToken): number {
  return Math.min(refreshAfterTimestamp, expiresOnTimestamp - EXPIRES_EARLY_IN_MS);
}

/** Returns the message of whatever was thrown: it may be of another package, or no error at all. */
function reasonOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : "It gave no reason";
}
