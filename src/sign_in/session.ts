import type { ClientAuth } from "oauth4webapi";
import type { AuthenticationRecord } from "../authentication_record.ts";
import { toSingleLine } from "../core/error_response.ts";
import { checkClientId } from "../core/validate.ts";
import { type Acquire, createGetToken, type GetToken, type TokenRequest } from "../core/get_token.ts";
import { abortable } from "../core/timeout.ts";
import type { Settings } from "../core/settings.ts";
import { checkTenantId } from "../core/tenants.ts";
import { AuthenticationError, AuthenticationRequiredError } from "../errors.ts";
import { DEVELOPER_SIGN_ON_CLIENT_ID, type InteractiveCredentialOptions } from "../options.ts";
import type { TokenSet } from "../token_cache.ts";
import type { GetTokenOptions } from "../token_credential.ts";
import { checkAccount, homeTenantOf } from "./account.ts";
import { type Authority, resolveAuthority } from "../entra/authority.ts";
import { noAuth } from "../entra/client_auth.ts";
import { requestUserTokens, type UserTokens } from "./tokens.ts";

/** Scopes of an ID token and a refresh token, requested besides those of the access token. */
export const OPENID_SCOPES: readonly string[] = ["openid", "profile", "offline_access"];

/** Error codes that a sign-in by the user resolves, of Microsoft Entra and OpenID Connect. */
const INTERACTION_ERRORS = [
  ...["interaction_required", "consent_required", "login_required", "account_selection_required", "invalid_grant"],
  ...["bad_token", "ui_not_allowed", "interrupted_user", "user_password_expired"],
];

const POLL_INTERVAL_IN_MS = 50;

/** A sign-in that a token request needs. */
export interface SignIn extends TokenRequest {
  /** The authority of the requested tenant, or else of the account's home tenant, or else `manyTenants`. */
  readonly server: Authority;
  /** The account that must sign in; `undefined` for any account. */
  readonly account: AuthenticationRecord | undefined;
  /**
   * Stores the account and the refresh token, and returns the access token. Throws an `AuthenticationError` if another
   * account signed in.
   */
  readonly completeSignIn: (tokens: UserTokens) => TokenSet;
}

/** Configuration of a user's session. */
export interface UserSessionSpec {
  /** Name of the credential. */
  readonly name: string;
  readonly clientId: string;
  readonly clientAuth: ClientAuth;
  /** The tenant; empty for any tenant. */
  readonly tenantId: string;
  /** The alias for any tenant. */
  readonly manyTenants: "common" | "organizations";
  readonly account: AuthenticationRecord | undefined;
  /** Refresh token of a previous sign-in. */
  readonly refreshToken?: string | undefined;
  /**
   * Secret that identifies the session in the cache, so that all objects for one session share its tokens. If it is
   * omitted, the cache partition is unique to this object.
   */
  readonly secret?: string | undefined;
  readonly disableAutomaticAuthentication: boolean;
  /** Whether an authorization response is pending, so that `signIn` does not prompt the user. @default {false} */
  readonly hasPendingResponse?: (request: Omit<SignIn, "completeSignIn">) => Promise<boolean>;
  /**
   * Signs the user in. Returns the result of `completeSignIn`, or `undefined` if the token is for another request;
   * `cause` is the error of the refresh, if one was tried.
   */
  readonly signIn: (request: SignIn, cause: Error | undefined) => Promise<TokenSet | undefined>;
}

/** Returns the configuration of a public client. Throws a `TypeError` if an option is malformed. */
export function publicClient(
  options: InteractiveCredentialOptions & { tenantId?: string | undefined; clientId?: string | undefined },
): Omit<UserSessionSpec, "name" | "signIn"> {
  const { tenantId = "", clientId = DEVELOPER_SIGN_ON_CLIENT_ID } = options;
  if (tenantId) checkTenantId(tenantId);
  checkClientId(clientId);
  return {
    clientId,
    clientAuth: noAuth(),
    tenantId,
    manyTenants: clientId === DEVELOPER_SIGN_ON_CLIENT_ID ? "organizations" : "common",
    account: options.authenticationRecord,
    disableAutomaticAuthentication: options.disableAutomaticAuthentication ?? false,
  };
}

/** Account and refresh token of a session, to persist. */
export interface SessionState {
  readonly account: AuthenticationRecord | undefined;
  readonly refreshToken: string | undefined;
}

/** The session of a user, who signs in once and whose tokens are then acquired silently. */
export interface UserSession {
  readonly getToken: GetToken;
  /** Returns the account and the refresh token, to persist. */
  snapshot(): SessionState;
  /** Caches an access token of this session that was acquired elsewhere. */
  seed(scopes: string | string[], token: TokenSet): Promise<void>;
  /** Prompts the user to sign in, even if an account is known. */
  authenticate(scopes: string | string[], options?: GetTokenOptions): Promise<AuthenticationRecord | undefined>;
}

/** A token request with its authority and account, and the generation of the session when it began. */
interface PreparedRequest extends Omit<SignIn, "completeSignIn"> {
  readonly generation: number;
}

/**
 * Creates the session of a user. A token request uses the refresh token, or else prompts the user. Requests run in
 * order, so that one prompt serves all of them.
 */
export function createUserSession(spec: UserSessionSpec, settings: Settings): UserSession {
  const { name, clientId, clientAuth, tenantId } = spec;
  if (spec.account) checkAccount(spec.account);
  let account = spec.account;
  let refreshToken = spec.refreshToken;
  let getToken = createPartition(acquire, spec.secret);
  let lastRun: Promise<unknown> = Promise.resolve();
  let busyUntil = 0;
  /** Incremented when `authenticate` replaces the account and the refresh token. */
  let generation = 0;

  /** Creates a `getToken` with the cache partition of `owner`, by default with a new one. */
  function createPartition(acquire: Acquire, owner: string | object = {}): GetToken {
    return createGetToken({
      name,
      tenantId,
      cacheIdentity: () => [owner],
      acquire: (request) => runExclusive(() => acquire(request), request.signal),
    }, settings);
  }

  function runExclusive<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // An aborted caller releases the queue at once, even if its work never settles. Calls run in order.
    const begin = () => abortable(work, signal);
    if (settings.backgroundWork === "perRequest") return runExclusiveByPolling(begin, signal);
    const result = lastRun.then(begin);
    lastRun = result.catch(() => {});
    return result;
  }

  /**
   * Runs work exclusively on workerd, where an incoming request must not await a promise of another one, which may
   * never settle.
   */
  async function runExclusiveByPolling<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { now, sleep, timeoutInMs } = settings;
    while (now() < busyUntil) await sleep(POLL_INTERVAL_IN_MS, signal);
    const ownUntil = busyUntil = now() + timeoutInMs;
    try {
      return await work();
    } finally {
      // After the deadline, another run may hold the lock.
      if (busyUntil === ownUntil) busyUntil = 0;
    }
  }

  async function acquire(request: TokenRequest): Promise<TokenSet> {
    const prepared = await prepare(request);
    const result = await refresh(prepared);
    if (result && !(result instanceof Error)) return completeSignIn(prepared, result);
    const claims = result instanceof AuthenticationError && result.claims || request.claims;
    return await signIn({ ...prepared, claims }, result) ?? await acquire(request);
  }

  async function prepare(request: TokenRequest): Promise<PreparedRequest> {
    const initialGeneration = generation;
    const tenantId = request.tenantId || account && homeTenantOf(account) || spec.manyTenants;
    const scopes = [...new Set([...request.scopes, ...OPENID_SCOPES])];
    const server = await resolveAuthority(name, { ...request, tenantId }, settings);
    return { ...request, scopes, account, server, generation: initialGeneration };
  }

  /**
   * Requests tokens by the refresh token. Returns an error that a sign-in resolves; `undefined` if there is no refresh
   * token.
   */
  async function refresh(request: PreparedRequest): Promise<UserTokens | Error | undefined> {
    const sent = refreshToken;
    if (sent === undefined) return undefined;
    const parameters = { refresh_token: sent, client_info: "1" };
    const grant = { name, clientId, clientAuth, type: "refresh_token", parameters } as const;
    try {
      return await requestUserTokens(grant, request, settings);
    } catch (error) {
      const { error: code, errorCodes, suberror } = (error as AuthenticationError).errorResponse ?? {};
      if (![code, suberror].some((code) => INTERACTION_ERRORS.includes(code ?? ""))) throw error;
      // With an AADSTS code, "invalid_grant" requires an interaction for one scope or tenant, and the refresh token
      // stays valid.
      const isRevoked = suberror === "bad_token" || code === "invalid_grant" && !suberror && !errorCodes?.length;
      if (isRevoked && refreshToken === sent) refreshToken = undefined;
      return error as Error;
    }
  }

  async function signIn(request: PreparedRequest, cause: Error | undefined): Promise<TokenSet | undefined> {
    if (spec.disableAutomaticAuthentication && !await spec.hasPendingResponse?.(request)) {
      throw signInRequired(
        request,
        'A user has to sign in: Call "authenticate", because "disableAutomaticAuthentication" is set',
        cause,
      );
    }
    if (request.isBackgroundRefresh) {
      throw signInRequired(request, "A user has to sign in before the token expires", cause);
    }
    return await spec.signIn({
      ...request,
      completeSignIn(tokens) {
        if (!account || tokens.account) return completeSignIn(request, tokens);
        throw new AuthenticationError("Cannot determine which account signed in: The response has no ID token", {
          statusCode: 200,
        });
      },
    }, cause);
  }

  /** Stores the account and the refresh token of a sign-in or a refresh, and returns the access token. */
  function completeSignIn(request: PreparedRequest, tokens: UserTokens, { allowAccountChange = false } = {}): TokenSet {
    // After an abort, the next request may already run.
    if (request.signal.aborted) throw request.signal.reason;
    if (!allowAccountChange && request.generation !== generation) {
      throw new AuthenticationError("Another sign-in has completed meanwhile: Request the token again", {
        statusCode: 200,
      });
    }
    const newAccount = tokens.account;
    if (allowAccountChange) {
      account = newAccount;
      generation++;
    }
    if (account && newAccount && account.homeAccountId.toLowerCase() !== newAccount.homeAccountId.toLowerCase()) {
      const namesDiffer = account.username.toLowerCase() !== newAccount.username.toLowerCase();
      const [expected, actual] = [account, newAccount].map(({ homeAccountId, username }) =>
        toSingleLine(namesDiffer && username || homeAccountId)
      );
      throw new AuthenticationError(
        `Another user has signed in: Expected "${expected}", got "${actual}". Sign in as the expected user, or call "authenticate"`,
        { statusCode: 200 },
      );
    }
    account ??= newAccount;
    refreshToken = tokens.refreshToken ?? (allowAccountChange ? undefined : refreshToken);
    return tokens.token;
  }

  async function authenticate(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AuthenticationRecord | undefined> {
    let isDone = false;
    let record: AuthenticationRecord | undefined;
    const next = createPartition(async (request) => {
      if (isDone) return await acquire(request);
      const prepared = { ...await prepare(request), account: undefined };
      const token = await spec.signIn(
        { ...prepared, completeSignIn: (tokens) => completeSignIn(prepared, tokens, { allowAccountChange: true }) },
        undefined,
      );
      isDone = true;
      record = account;
      // The previous cache partition may contain tokens of another user.
      getToken = next;
      return token ?? await acquire(request);
    });
    await next(scopes, options);
    return record;
  }

  return {
    getToken: (scopes, options) => getToken(scopes, options),
    snapshot: () => ({ account, refreshToken }),
    async seed(scopes, token) {
      await createPartition(() => Promise.resolve(token), spec.secret)(scopes);
    },
    authenticate,
  };
}

/** Returns the error of a session that cannot or must not prompt the user. */
export function signInRequired(
  request: Omit<SignIn, "completeSignIn">,
  message: string,
  cause: unknown,
): AuthenticationRequiredError {
  const { claims, enableCae, tenantId } = request;
  return new AuthenticationRequiredError({
    scopes: request.scopes.filter((scope) => !OPENID_SCOPES.includes(scope)),
    getTokenOptions: { ...claims !== undefined && { claims }, enableCae, ...tenantId !== "" && { tenantId } },
    message,
    cause,
  });
}
