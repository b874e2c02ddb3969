import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import { isBackground } from "../runtime/background.ts";
import type { LogEvent } from "../log.ts";
import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { TokenSet } from "../token_cache.ts";
import { checkPause, endPause, pauseAfter, refreshPause } from "./backoff.ts";
import { abortReason, withinCall, withTimeout } from "./timeout.ts";
import { isDefinitive, nameCredential, type PendingStep, timeoutError } from "./failures.ts";
import { isAlive, isFresh, shouldRefresh } from "./freshness.ts";
import { type Chain, chainOf } from "./in_chain.ts";
import { keepAlive } from "./keep_alive.ts";
import { createLruCache } from "./lru_cache.ts";
import { cacheKey, digestOf } from "./cache_key.ts";
import { claimsIn } from "./claims.ts";
import { checkOptionNames } from "./option_names.ts";
import { requireVariables } from "./require_variables.ts";
import { normaliseScopes } from "./scopes.ts";
import type { Settings } from "./settings.ts";
import { isSuperseded, share, supersedeOlder } from "./share.ts";
import type { Flight } from "./single_flight.ts";
import { MULTITENANT_VARIABLE, resolveTenant } from "./tenants.ts";
import { createTokenStore, type TokenStore } from "./token_store.ts";
import { messageOf } from "./unknown_errors.ts";

/** A request for one token. */
export interface TokenRequest {
  readonly scopes: readonly string[];
  readonly tenantId: string;
  readonly claims: string | undefined;
  readonly enableCae: boolean;
  /** The cached token that the resource has rejected with these claims, if there is one. */
  readonly rejected: string | undefined;
  /** Whether this is a background refresh, or a search of a chain in the background: the user must not be prompted. */
  readonly isBackgroundRefresh: boolean;
  /** The chain that calls the credential, which can fall back to other credentials. */
  readonly chain: Chain | undefined;
  /** Excludes the result from the cache: only the current callers receive it. */
  readonly skipCache: () => void;
  /** Sets the current step, for the timeout error. */
  readonly setPendingStep: (step: PendingStep) => void;
  /** Sets the members of the log events of this request that only the credential knows. */
  readonly setLogDetails: (details: Pick<LogEvent, "source" | "identity">) => void;
  /** Fires when the last caller is detached, or the time is up. */
  readonly signal: AbortSignal;
}

/** The part of a request that the call determines. */
type CallRequest = Omit<TokenRequest, "skipCache" | "setPendingStep" | "setLogDetails" | "signal">;

/** Acquires a token: the part of `getToken` that each credential implements. */
export type Acquire = (request: TokenRequest) => Promise<TokenSet>;

/** The properties of one credential. */
export interface CredentialSpec {
  readonly name: string;
  /**
   * The tenant of the credential: empty if it can request tokens from any tenant, `undefined` if tenants are ignored.
   */
  readonly tenantId: string | undefined;
  /**
   * Whether a developer tool issues the tokens: a chain then continues at a tenant that is not allowed.
   *
   * @default {false}
   */
  readonly isDeveloperTool?: boolean;
  /** The environment variables that configure the credential, for its errors. */
  readonly source?: string;
  /** The environment variables that determine the token service and the identity. */
  readonly variables?: readonly string[];
  /** The paths of the files that authenticate it, for the list of missing permissions. */
  readonly files?: readonly (string | undefined)[];
  /** Returns the values that partition the cache by identity: strings by content, objects by reference. */
  readonly cacheIdentity: () => readonly (string | object)[] | Promise<readonly (string | object)[]>;
  readonly acquire: Acquire;
}

/** The method `getToken` of a credential. */
export type GetToken = (scopes: string | string[], options?: GetTokenOptions) => Promise<AccessToken>;

/** A cached token, or a promise of one from an asynchronous cache. */
type Cached = ReturnType<TokenStore["find"]>;

const MAX_REFRESH_WAIT_IN_MS = 2000;
/** The options of a call. */
const CALL_OPTIONS = "abortSignal requestOptions claims enableCae tenantId tracingOptions";

/**
 * Returns the `getToken` of a credential. Validates the arguments, caches tokens and refreshes them in the background,
 * shares requests in flight, applies time limits and abort signals, names the credential in errors, and logs.
 */
export function createGetToken(spec: CredentialSpec, settings: Settings): GetToken {
  const { sleep, timeoutInMs } = settings;
  const store = createTokenStore(spec.name, settings);
  // Cache keys by scope, for calls without claims and tenant, so that a cache hit does not construct its key.
  const keys = createLruCache<string>();
  const keysCae = createLruCache<string>();
  let partition: string | Promise<string> | undefined;

  function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    const now = settings.now();
    const cached = lookUp(scopes, options, now);
    if (cached && !(cached instanceof Promise) && isFresh(cached, now) && !shouldRefresh(cached, now)) {
      return Promise.resolve(cached);
    }
    return withinCall(options ?? {}, sleep, (_bounded, caller) => findOrAcquire(scopes, options ?? {}, caller, cached));
  }

  function lookUp(scopes: string | string[], options: GetTokenOptions | undefined, now: number): Cached {
    if (claimsIn(options) || options?.tenantId !== undefined) return undefined;
    const scope = typeof scopes === "string" ? scopes : scopes?.length === 1 ? scopes[0] : undefined;
    const key = scope && (options?.enableCae ? keysCae : keys).get(scope);
    return key ? store.find(key, now) : undefined;
  }

  async function findOrAcquire(
    scopes: string | string[],
    options: GetTokenOptions,
    caller: AbortSignal | undefined,
    cached: Cached,
  ): Promise<AccessToken> {
    const normalised = normaliseScopes(scopes);
    checkOptionNames(options, CALL_OPTIONS);
    const enableCae = options.enableCae ?? false;
    const claims = claimsIn(options);
    const tenantId = resolveTenant(options.tenantId, spec, settings);
    const key = cacheKey({
      credential: spec.name,
      tenantId,
      partition: await findPartition(),
      enableCae,
      scopes: normalised,
    });
    if (normalised.length === 1 && tenantId === (spec.tenantId ?? "")) {
      (enableCae ? keysCae : keys).set(normalised[0]!, key);
    }
    const chain = chainOf(options);
    const calledOn = settings.now();
    const existing = await (cached ?? store.find(key, calledOn));
    const now = settings.now();
    const pause = refreshPause(key, now);
    const rejected = claims === undefined ? undefined : existing?.token;
    const get = (caller: AbortSignal | undefined, isBackgroundRefresh = false) =>
      acquire(key, { scopes: normalised, tenantId, claims, enableCae, rejected, isBackgroundRefresh, chain }, caller);
    // A search of a chain in the background must not prompt the user or keep the process alive either.
    if (claims !== undefined || !existing || !isAlive(existing, now)) return await get(caller, isBackground(caller));
    const fresh = isFresh(existing, now);
    if (fresh && !shouldRefresh(existing, now) || pause && (fresh || !isDefinitive(pause.error))) return existing;
    const successor = get(undefined, true);
    successor.catch(() => {});
    if (fresh && (settings.backgroundWork === "free" || settings.waitUntil)) return existing;
    // The token counts as expired, or the runtime ends the refresh with the response to the caller. The caller waits
    // for a limited time.
    const spent = Math.max(0, now - calledOn);
    const longest = Math.min(MAX_REFRESH_WAIT_IN_MS, (options.requestOptions?.timeout || Infinity) / 2);
    const ms = Math.max(0, longest - spent);
    try {
      return await withTimeout(() => successor, { sleep, ms, onTimeout: () => timeoutError(ms), outer: caller });
    } catch (error) {
      if (caller?.aborted || !fresh && isDefinitive(error)) throw error;
      const now = settings.now();
      if (!isAlive(existing, now)) {
        const own = get(caller);
        return await Promise.any([successor, own]).catch(() => own);
      }
      // Later callers do not wait again. The refresh may continue, and ends the pause when it succeeds.
      if (!refreshPause(key, now)) pauseAfter(key, error, now);
      return existing;
    }
  }

  /** Joins the request in flight for the cache key, or starts one. */
  async function acquire(
    key: string,
    request: CallRequest,
    caller: AbortSignal | undefined,
  ): Promise<TokenSet> {
    checkPause(key, settings.now());
    const run = (flight: Flight<TokenSet>, ms: number) => fetchToken(flight, request, ms);
    return await share(
      { key, variant: [request.claims, request.chain !== undefined, request.isBackgroundRefresh], run },
      caller,
      settings,
    );
  }

  async function fetchToken(
    flight: Flight<TokenSet>,
    request: CallRequest,
    ms: number,
  ): Promise<TokenSet> {
    const { key, signal: outer } = flight;
    const started = settings.now();
    const { scopes, tenantId, chain } = request;
    const about = { credential: spec.name, scopes, ...tenantId && { tenantId } };
    let details: Pick<LogEvent, "source" | "identity"> = {};
    try {
      const token = Object.freeze(
        await withTimeout(
          (signal) =>
            spec.acquire({
              ...request,
              skipCache: () => void (flight.skipCache = true),
              setPendingStep: (step) => void (flight.pendingStep = step),
              setLogDetails: (given) => void (details = given),
              signal,
            }),
          {
            sleep,
            ms,
            onTimeout: () => timeoutError(timeoutInMs, flight.pendingStep),
            outer,
            background: request.isBackgroundRefresh,
          },
        ),
      );
      checkExpiry(token);
      endPause(key);
      if (request.claims !== undefined && settings.cache !== false) supersedeOlder(flight);
      const saved = flight.skipCache || isSuperseded(flight) ? Promise.resolve() : store.save(key, token);
      if (!keepAlive(saved, settings) && settings.backgroundWork !== "free") {
        await saved;
        checkExpiry(token);
      }
      settings.log({
        ...about,
        ...details,
        event: "token-acquired",
        message: `${spec.name} got a token for ${scopes.join(" ")}` +
          (details.source ? ` from ${details.source} as the ${details.identity}` : ""),
        elapsedInMs: settings.now() - started,
        expiresOnTimestamp: token.expiresOnTimestamp,
      });
      return token;
    } catch (error) {
      if (outer.aborted && error === outer.reason) throw error;
      nameCredential(error, spec.name, spec.source);
      // A malformed argument is not a failure of the service.
      if (!(error instanceof TypeError)) pauseAfter(key, error, settings.now());
      if (chain?.logsAbsent && error instanceof CredentialUnavailableError && error.outcome === "absent") throw error;
      settings.log({
        ...about,
        ...details,
        event: "token-failed",
        message: messageOf(error),
        elapsedInMs: settings.now() - started,
      });
      throw error;
    }
  }

  /** Throws an `AuthenticationError` if the token expired while it was requested. */
  function checkExpiry({ expiresOnTimestamp }: TokenSet): void {
    // Compares the difference, because `now >= expiresOnTimestamp` is true if both are infinite.
    if (!(settings.now() - expiresOnTimestamp >= 0)) return;
    throw new AuthenticationError(
      `Cannot get a token: The token expired at ${
        new Date(expiresOnTimestamp).toISOString()
      }, before it was received. ` +
        "Check the clock of this machine and the connection to the token service",
    );
  }

  function findPartition(): string | Promise<string> {
    if (partition !== undefined) return partition;
    const pending = computePartition();
    // On workerd, an incoming request must not await a promise of another one.
    if (settings.backgroundWork !== "perRequest") partition = pending;
    pending.then((value) => partition = value, () => partition = undefined);
    return pending;
  }

  async function computePartition(): Promise<string> {
    try {
      // A developer tool reads its own variables.
      if (!spec.isDeveloperTool) {
        requireVariables(
          [
            ...spec.variables ?? [],
            ...settings.authorityHost === undefined ? ["AZURE_AUTHORITY_HOST"] : [],
            ...spec.tenantId === undefined ? [] : [MULTITENANT_VARIABLE],
          ],
          settings,
          { services: [spec.tenantId === undefined ? "metadata" : "entra"], files: spec.files ?? [] },
        );
      }
      const identity = spec.cacheIdentity();
      const parts = identity instanceof Promise
        ? await withTimeout(() => identity, { sleep, ms: timeoutInMs, onTimeout: () => timeoutError(timeoutInMs) })
        : identity;
      const authorityHost = settings.authorityHost ?? settings.env("AZURE_AUTHORITY_HOST") ?? "";
      return await digestOf([authorityHost, ...settings.injected, ...parts]);
    } catch (error) {
      nameCredential(error, spec.name, spec.source);
      throw error;
    }
  }

  return getToken;
}
