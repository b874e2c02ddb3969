import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { TokenSet } from "../token_cache.ts";
import { checkPause, endPause, pauseAfter, refreshPause } from "./back_off.ts";
import { abortReason, withDeadline, withinCall } from "./deadline.ts";
import { type Awaited, isVerdict, late, nameCredential } from "./failures.ts";
import { isDue, isFresh, restTime } from "./freshness.ts";
import { type Chain, chainOf } from "./in_chain.ts";
import { digestOf } from "./partition.ts";
import { requireVariables } from "./require_variables.ts";
import { normaliseScopes } from "./scopes.ts";
import type { Settings } from "./settings.ts";
import { keepAlive, outdateOlder, share } from "./share.ts";
import type { Flight } from "./single_flight.ts";
import { resolveTenant } from "./tenants.ts";
import { createTokenStore } from "./token_store.ts";

/** What one token is requested with. */
export interface TokenRequest {
  readonly scopes: readonly string[];
  readonly tenantId: string;
  readonly claims: string | undefined;
  readonly enableCae: boolean;
  /** The token that the claims are about, if it is remembered: the resource refused it. */
  readonly rejected: string | undefined;
  /** Whether the token at hand is still good: nobody waits for its successor, and nobody is to be asked for it. */
  readonly isEarly: boolean;
  /** The chain that asks, which has others to turn to. */
  readonly chain: Chain | undefined;
  /** Keeps what comes of it from being remembered: it is for those who wait. */
  readonly forget: () => void;
  /** Says what is waited for from now on: for the error, should it come too late. */
  readonly waitFor: (awaited: Awaited) => void;
  /** Fires when nobody waits any more, or the time is up. */
  readonly signal: AbortSignal;
}

/** Gets a token from where it is made: all that a credential has to write. */
export type Acquire = (request: TokenRequest) => Promise<TokenSet>;

/** What sets one credential apart from another. */
export interface CredentialSpec {
  readonly name: string;
  /** Its own tenant: empty where it has none and may ask any, `undefined` where a tenant counts for nothing. */
  readonly tenantId: string | undefined;
  /** Whether a tool of the developer makes the tokens: a chain continues where the tool may not ask a tenant. Default: no. */
  readonly isDeveloperTool?: boolean;
  /** The part of the environment that configures the credential, for its errors. */
  readonly source?: string;
  /** The environment variables that decide where the request goes, and as which identity. */
  readonly variables?: readonly string[];
  /** What proves whose tokens these are: secrets by content, callbacks and keys as the objects they are. */
  readonly proof: () => readonly (string | object)[] | Promise<readonly (string | object)[]>;
  readonly acquire: Acquire;
}

/** The method that a credential hands on to. */
export type GetToken = (scopes: string | string[], options?: GetTokenOptions) => Promise<AccessToken>;

/** What is known of a scope. */
interface KnownScope {
  /** What its token is remembered by. */
  readonly key: string;
  /** Of which state of the store the rest tells. */
  changes: number;
  token: TokenSet | undefined;
  /** The same, ready to be returned, where requests may wait for one another's promises. */
  answer: Promise<TokenSet> | undefined;
  /** From when, and until when, the token is handed out and nothing else is to be done. */
  since: number;
  until: number;
}

const MOST_SCOPES = 1000;
const REFRESH_PATIENCE_IN_MS = 2000;

/** Returns the `getToken` of a credential: checks, cache, single flight, refresh, abort, deadline, errors and log. */
export function createGetToken(spec: CredentialSpec, settings: Settings): GetToken {
  const { sleep, timeoutInMs } = settings;
  const store = createTokenStore(spec.name, settings);
  // What is known of each single scope asked for so far, so that finding a remembered token builds no text.
  const scopesKnown = new Map<string, KnownScope>();
  const scopesKnownCae = new Map<string, KnownScope>();
  let partition: string | Promise<string> | undefined;

  function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    let looked: ReturnType<typeof store.find>;
    if (!options || !options.claims && options.tenantId === undefined) {
      const scope = typeof scopes === "string" ? scopes : scopes?.length === 1 ? scopes[0] : undefined;
      const known = scope && (options?.enableCae ? scopesKnownCae : scopesKnown).get(scope);
      if (known) {
        const now = settings.now();
        const changes = store.changes();
        if (known.changes !== changes) {
          looked = store.find(known.key, now);
          if (!looked || looked instanceof Promise) return ask(scopes, options ?? {}, looked);
          hold(known, looked, changes, settings.isolated);
        }
        if (now > known.since && now < known.until) return known.answer ?? Promise.resolve(known.token!);
      }
    }
    return ask(scopes, options ?? {}, looked);
  }

  async function ask(
    scopes: string | string[],
    options: GetTokenOptions,
    looked: ReturnType<typeof store.find>,
  ): Promise<AccessToken> {
    return await withinCall(options, sleep, (_bounded, caller) => find(scopes, options, caller, looked));
  }

  async function find(
    scopes: string | string[],
    options: GetTokenOptions,
    caller: AbortSignal | undefined,
    looked: ReturnType<typeof store.find>,
  ): Promise<AccessToken> {
    const asked = normaliseScopes(scopes);
    const enableCae = options.enableCae ?? false;
    const claims = options.claims || undefined;
    const tenantId = resolveTenant(options.tenantId, spec, settings);
    const key = JSON.stringify([spec.name, tenantId.toLowerCase(), await findPartition(), enableCae, ...asked]);
    const known = enableCae ? scopesKnownCae : scopesKnown;
    if (asked.length === 1 && tenantId === (spec.tenantId ?? "") && known.size < MOST_SCOPES && !known.has(asked[0]!)) {
      known.set(asked[0]!, { key, changes: NaN, token: undefined, answer: undefined, since: NaN, until: NaN });
    }
    const chain = chainOf(options);
    const found = await (looked ?? store.find(key, settings.now()));
    const now = settings.now();
    const pause = refreshPause(key, now);
    const rejected = claims === undefined ? undefined : found?.token;
    const get = (caller: AbortSignal | undefined, isEarly = false) =>
      acquire(key, { scopes: asked, tenantId, claims, enableCae, rejected, isEarly, chain }, caller);
    if (claims !== undefined) return await get(caller);
    if (!found || !isFresh(found, now)) {
      // Better than nothing while the service is out of reach: a token that counts as expired has minutes left.
      const lasts = found !== undefined && now < found.expiresOnTimestamp && now > found.acquiredOnTimestamp;
      if (lasts && pause && !isVerdict(pause.error)) return found;
      try {
        return await get(caller);
      } catch (error) {
        if (lasts && !isVerdict(error) && !caller?.aborted) return found;
        throw error;
      }
    }
    if (!isDue(found, now) || pause) return found;
    const successor = get(undefined, true).catch(() => found);
    if (settings.livesOn || settings.waitUntil) return found;
    // Nothing goes on behind an answer here, so the caller lends some time.
    return await withDeadline(() => successor, {
      sleep,
      ms: REFRESH_PATIENCE_IN_MS,
      late: () => late(REFRESH_PATIENCE_IN_MS),
    })
      .catch((error) => {
        pauseAfter(key, error, settings.now());
        return found;
      });
  }

  /** Waits for the request that is under way for the key, or starts one. */
  async function acquire(
    key: string,
    request: Omit<TokenRequest, "forget" | "waitFor" | "signal">,
    caller: AbortSignal | undefined,
  ): Promise<TokenSet> {
    checkPause(key, settings.now());
    const run = (flight: Flight<TokenSet>, ms: number) => fetchToken(flight, request, ms);
    return await share(
      { key, variant: [request.claims, request.chain !== undefined, request.isEarly], run },
      caller,
      settings,
    );
  }

  async function fetchToken(
    flight: Flight<TokenSet>,
    request: Omit<TokenRequest, "forget" | "waitFor" | "signal">,
    ms: number,
  ): Promise<TokenSet> {
    const { key, signal: outer } = flight;
    const started = settings.now();
    const about = { credential: spec.name, scopes: request.scopes, tenantId: request.tenantId };
    try {
      const token = Object.freeze(
        await withDeadline(
          (signal) =>
            spec.acquire({
              ...request,
              forget: () => void (flight.outdated = true),
              waitFor: (awaited) => void (flight.awaited = awaited),
              signal,
            }),
          { sleep, ms, late: () => late(timeoutInMs, flight.awaited), outer },
        ),
      );
      endPause(key);
      if (request.claims !== undefined) outdateOlder(flight);
      const saved = flight.outdated ? Promise.resolve() : store.save(key, token);
      if (!settings.livesOn && !keepAlive(saved, settings)) await saved;
      settings.log({
        ...about,
        event: "token-acquired",
        message: `${spec.name} got a token for ${request.scopes.join(" ")}`,
        elapsedInMs: settings.now() - started,
        expiresOnTimestamp: token.expiresOnTimestamp,
      });
      return token;
    } catch (error) {
      if (outer.aborted && error === outer.reason) throw error;
      nameCredential(error, spec.name, spec.source);
      // A bad argument says nothing about the service.
      if (!(error instanceof TypeError)) pauseAfter(key, error, settings.now());
      settings.log({
        ...about,
        event: "token-failed",
        message: error instanceof Error ? error.message : String(error),
        elapsedInMs: settings.now() - started,
      });
      throw error;
    }
  }

  function findPartition(): string | Promise<string> {
    if (partition !== undefined) return partition;
    const finding = computePartition();
    // On workerd no request may wait for another's promise.
    if (!settings.isolated) partition = finding;
    finding.then((found) => partition = found, () => partition = undefined);
    return finding;
  }

  async function computePartition(): Promise<string> {
    try {
      // A tool reads its own variables.
      if (!spec.isDeveloperTool) {
        requireVariables([
          ...spec.variables ?? [],
          ...settings.authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [],
          ...spec.tenantId === undefined ? [] : ["AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"],
        ], settings);
      }
      const proof = spec.proof();
      const parts = proof instanceof Promise
        ? await withDeadline(() => proof, { sleep, ms: timeoutInMs, late: () => late(timeoutInMs) })
        : proof;
      const authorityHost = settings.authorityHost ?? settings.env("AZURE_AUTHORITY_HOST") ?? "";
      return await digestOf([authorityHost, ...settings.surroundings, ...parts]);
    } catch (error) {
      nameCredential(error, spec.name, spec.source);
      throw error;
    }
  }

  return getToken;
}

function hold(known: KnownScope, token: TokenSet, changes: number, isolated: boolean): void {
  known.changes = changes;
  known.token = token;
  known.answer = isolated ? undefined : Promise.resolve(token);
  ({ since: known.since, until: known.until } = restTime(token));
}
