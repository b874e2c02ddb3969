import { AuthenticationError, CredentialUnavailableError } from "../errors.ts";
import type { AccessToken, GetTokenOptions } from "../token_credential.ts";
import type { TokenSet } from "../token_cache.ts";
import { checkPause, endPause, pauseAfter, refreshPause } from "./back_off.ts";
import { abortReason, withDeadline } from "./deadline.ts";
import { isLost, isVerdict, nameCredential } from "./failures.ts";
import { isDue, isFresh } from "./freshness.ts";
import { digestOf, identityOf } from "./partition.ts";
import { normaliseScopes } from "./scopes.ts";
import type { Settings } from "./settings.ts";
import { type Flight, startFlight } from "./single_flight.ts";
import { resolveTenant } from "./tenants.ts";
import { createTokenStore } from "./token_store.ts";

/** What one token is requested with. */
export interface TokenRequest {
  readonly scopes: readonly string[];
  readonly tenantId: string;
  readonly claims: string | undefined;
  readonly enableCae: boolean;
  /** Fires when nobody waits any more, or the time is up. */
  readonly signal: AbortSignal;
}

/** Gets a token from where it is made: all that a credential has to write. */
export type Acquire = (request: TokenRequest) => Promise<TokenSet>;

/** What sets one credential apart from another. */
export interface CredentialSpec {
  readonly name: string;
  readonly tenantId: string;
  /** What proves whose tokens these are: secrets by content, callbacks and keys as the objects they are. */
  readonly proof: () => readonly (string | object)[] | Promise<readonly (string | object)[]>;
  readonly acquire: Acquire;
}

/** The method that a credential hands on to. */
export type GetToken = (scopes: string | string[], options?: GetTokenOptions) => Promise<AccessToken>;

// Shared by the process: equal credentials wait for one request, whichever instance sent it.
const flights = new Map<string, Flight<TokenSet>>();

const MOST_KEYS = 1000;

/** Returns the `getToken` of a credential: checks, cache, single flight, refresh, abort, deadline, errors and log. */
export function createGetToken(spec: CredentialSpec, settings: Settings): GetToken {
  const { sleep, timeoutInMs } = settings;
  const store = createTokenStore(spec.name, settings);
  // The key of each single scope asked for so far, so that finding a remembered token builds no text.
  const keys = new Map<string, string>();
  const caeKeys = new Map<string, string>();
  let partition: string | Promise<string> | undefined;

  function getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    if (options?.abortSignal?.aborted) return Promise.reject(abortReason(options.abortSignal));
    let looked: ReturnType<typeof store.find>;
    if (!options || !options.claims && options.tenantId === undefined) {
      const scope = typeof scopes === "string" ? scopes : scopes?.length === 1 ? scopes[0] : undefined;
      const key = scope && (options?.enableCae ? caeKeys : keys).get(scope);
      if (key) {
        const now = settings.now();
        looked = store.find(key, now);
        if (looked && !(looked instanceof Promise) && isFresh(looked, now) && !isDue(looked, now)) {
          return Promise.resolve(looked);
        }
      }
    }
    return ask(scopes, options ?? {}, looked);
  }

  async function ask(
    scopes: string | string[],
    options: GetTokenOptions,
    looked: ReturnType<typeof store.find>,
  ): Promise<AccessToken> {
    const { abortSignal: outer, requestOptions } = options;
    const ms = requestOptions?.timeout || undefined;
    if (!outer && !ms) return await find(scopes, options, undefined, looked);
    const late = () => new DOMException(`No token within the ${ms} ms of "timeout"`, "TimeoutError");
    return await withDeadline((caller) => find(scopes, options, caller, looked), { sleep, ms, late, outer });
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
    if (asked.length === 1 && tenantId === spec.tenantId && keys.size + caeKeys.size < MOST_KEYS) {
      (enableCae ? caeKeys : keys).set(asked[0]!, key);
    }
    const request = { scopes: asked, tenantId, claims, enableCae };
    if (claims !== undefined) return await acquire(key, request, caller);
    const found = await (looked ?? store.find(key, settings.now()));
    const now = settings.now();
    const pause = refreshPause(key, now);
    if (!found || !isFresh(found, now)) {
      // Better than nothing while the service is out of reach: a token that counts as expired has minutes left.
      const lasts = found !== undefined && now < found.expiresOnTimestamp && now > found.acquiredOnTimestamp;
      if (lasts && pause && !isVerdict(pause.error)) return found;
      try {
        return await acquire(key, request, caller);
      } catch (error) {
        if (lasts && !isVerdict(error) && !caller?.aborted) return found;
        throw error;
      }
    }
    if (!isDue(found, now) || pause) return found;
    const successor = acquire(key, request, undefined).catch(() => found);
    return settings.livesOn || settings.waitUntil ? found : successor;
  }

  /** Waits for the request that is under way for the key, or starts one. */
  async function acquire(
    key: string,
    request: Omit<TokenRequest, "signal">,
    caller: AbortSignal | undefined,
  ): Promise<TokenSet> {
    if (caller?.aborted) throw caller.reason;
    checkPause(key, settings.now());
    if (settings.cache === false) return await start(undefined, key, request, caller);
    const flightKey = flightKeyOf(key, request.claims);
    const flight = flights.get(flightKey);
    if (!flight) return await start(flightKey, key, request, caller);
    flight.join(caller);
    if (settings.livesOn) return await flight.result;
    try {
      return await untilDeadline(flight);
    } catch (error) {
      if (!settings.isolated) {
        // Whoever comes next must not wait for it again.
        if (isOver(flight)) forget(flightKey, flight);
        throw error;
      }
      // The request that began it may be gone, and its work with it: once more, by ourselves.
      if (caller?.aborted || !isLost(error)) throw error;
      forget(flightKey, flight);
      const other = flights.get(flightKey);
      return other ? await untilDeadline(other) : await start(flightKey, key, request, caller);
    }
  }

  /** Names what can be waited for together: the same token, for the same cache, and with the same patience. */
  function flightKeyOf(key: string, claims: string | undefined): string {
    const { cache, maxRetries } = settings;
    return JSON.stringify([key, claims, cache && identityOf(cache), timeoutInMs, maxRetries]);
  }

  function start(
    flightKey: string | undefined,
    key: string,
    request: Omit<TokenRequest, "signal">,
    caller: AbortSignal | undefined,
  ): Promise<TokenSet> {
    const flight: Flight<TokenSet> = startFlight(
      (signal) => fetchToken(key, { ...request, signal }, () => flight.outdated),
      settings.now(),
      land,
    );
    flight.join(caller);
    flight.result.then(land, land);
    const kept = keepAlive(flight.result);
    if (flightKey !== undefined && (kept || !settings.isolated)) flights.set(flightKey, flight);
    function land() {
      if (flightKey !== undefined) forget(flightKey, flight);
    }
    return flight.result;
  }

  async function fetchToken(key: string, request: TokenRequest, isOutdated: () => boolean): Promise<TokenSet> {
    const started = settings.now();
    const about = { credential: spec.name, scopes: request.scopes, tenantId: request.tenantId };
    try {
      const token = Object.freeze(await withinDeadline(request));
      endPause(key);
      if (request.claims !== undefined) outdate(flightKeyOf(key, undefined));
      const saved = isOutdated() ? Promise.resolve() : store.save(key, token);
      if (!settings.livesOn && !keepAlive(saved)) await saved;
      settings.log({
        ...about,
        event: "token-acquired",
        message: `${spec.name} got a token for ${request.scopes.join(" ")}`,
        elapsedInMs: settings.now() - started,
        expiresOnTimestamp: token.expiresOnTimestamp,
      });
      return token;
    } catch (error) {
      if (request.signal.aborted && error === request.signal.reason) throw error;
      nameCredential(error, spec.name);
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

  /** Lets the credential work until everybody has left or the time is up. */
  function withinDeadline(request: TokenRequest): Promise<TokenSet> {
    const limits = { sleep, ms: timeoutInMs, late, outer: request.signal };
    return withDeadline((signal) => spec.acquire({ ...request, signal }), limits);
  }

  /** Waits for another request's work. A timer of this one's own also tells workerd that it has not come to a stop. */
  function untilDeadline(flight: Flight<TokenSet>): Promise<TokenSet> {
    const ms = Math.max(0, flight.startedOnTimestamp + timeoutInMs - settings.now());
    return withDeadline(() => flight.result, { sleep, ms, late });
  }

  function isOver({ startedOnTimestamp }: Flight<TokenSet>): boolean {
    return settings.now() >= startedOnTimestamp + timeoutInMs;
  }

  function late(): AuthenticationError {
    return new AuthenticationError(`Cannot get a token: No answer within the ${timeoutInMs} ms of "timeoutInMs"`);
  }

  function keepAlive(work: Promise<unknown>): boolean {
    try {
      settings.waitUntil?.(work.then(() => {}, () => {}));
      return settings.waitUntil !== undefined;
    } catch {
      return false;
    }
  }

  /** A variable that may not be read may name another cloud, whose secret is nothing for this one. */
  function readAuthorityHost(): string {
    const flag = settings.missingEnvPermission(["AZURE_AUTHORITY_HOST"]);
    if (!flag) return settings.env("AZURE_AUTHORITY_HOST") ?? "";
    throw new CredentialUnavailableError(
      `Cannot tell which cloud to ask: Deno needs the permission ${flag}, or give "authorityHost"`,
    );
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
      const authority = settings.authorityHost ?? readAuthorityHost();
      const proof = spec.proof();
      const parts = proof instanceof Promise
        ? await withDeadline(() => proof, { sleep, ms: timeoutInMs, late })
        : proof;
      return await digestOf([authority, ...settings.surroundings, ...parts]);
    } catch (error) {
      nameCredential(error, spec.name);
      throw error;
    }
  }

  return getToken;
}

/** Keeps a request that is under way from replacing a newer token with its own, and anybody else from waiting for it. */
function outdate(flightKey: string): void {
  const flight = flights.get(flightKey);
  if (!flight) return;
  flight.outdated = true;
  forget(flightKey, flight);
}

/** Lets nobody join any more, unless another request has taken the place. */
function forget(flightKey: string, flight: Flight<TokenSet>): void {
  if (flights.get(flightKey) === flight) flights.delete(flightKey);
}
